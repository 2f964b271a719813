"""Receiving a picture that is the body of a request, and what enrolling answers instead on every surface."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema

from backend.consent.errors import ConsentMissing
from backend.enrolment.errors import (
    EnrolmentEnded,
    EnrolmentExpired,
    EnrolmentNotFound,
    EnrolmentUnderErasure,
    FacesBusy,
    PhotoRefused,
    PhotosChanged,
    PhotosMissing,
    PhotoTooLarge,
    PhotoTypeUnsupported,
    SetRefused,
    TooManyPhotos,
    UploadInterrupted,
)
from backend.enrolment.faces import MAX_PHOTO_BYTES
from backend.kit.problems import Problem
from backend.kit.storage import StorageFull, StorageUnavailable

__all__ = [
    "COMPLETION_FAILURES",
    "PHOTO_FAILURES",
    "PICTURE_FAILURES",
    "PhotoOperation",
    "declared_type",
    "receive",
    "received",
]

#: Why a picture is not taken, whatever it is for.
PICTURE_FAILURES = (
    PhotoTooLarge,
    PhotoTypeUnsupported,
    PhotoRefused,
    UploadInterrupted,
    FacesBusy,
    StorageUnavailable,
    StorageFull,
)
_GOES_ON = (EnrolmentNotFound, ConsentMissing, EnrolmentEnded, EnrolmentUnderErasure, EnrolmentExpired)
#: Why one of an enrolment's three is not taken, whoever enrols.
PHOTO_FAILURES = (*_GOES_ON, TooManyPhotos, *PICTURE_FAILURES)
#: Why an enrolment is not completed, whoever enrols.
COMPLETION_FAILURES = (*_GOES_ON, PhotosMissing, PhotosChanged, SetRefused)

_UPLOAD_SECONDS = 30.0
_MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")


@dataclass
class PhotoOperation(Operation):
    """The body is the picture itself. No form: Litestar's parser keeps large parts of one in files on disk."""

    def __post_init__(self) -> None:
        """Say so in the interface's description; OpenAPI 3.1 describes raw bytes by their media type alone."""
        picture = OpenAPIMediaType(schema=Schema())
        self.request_body = RequestBody(
            content=dict.fromkeys(_MEDIA_TYPES, picture), required=True, description="The picture, at most 15 MB"
        )


def declared_type(request: Request[Any, Any, Any]) -> str:
    """The picture's type as its sender calls it.

    Raises:
        PhotoTypeUnsupported: not a picture's.
    """
    declared = request.headers.get("content-type", "")
    if not declared.lower().startswith("image/"):
        raise PhotoTypeUnsupported
    return declared


async def received(request: Request[Any, Any, Any]) -> bytes:
    """The picture's bytes.

    Raises:
        PhotoTooLarge: more than 15 MB.
        UploadInterrupted: it did not arrive whole, or not in time.
    """
    try:
        async with asyncio.timeout(_UPLOAD_SECONDS):
            return await receive(request.stream(), announced=request.content_length)
    except Problem:
        raise
    except HTTPException as error:
        # Litestar's own words for a body over the limit and for a client that went away.
        raise (PhotoTooLarge if error.status_code == PhotoTooLarge.status else UploadInterrupted) from error
    except TimeoutError as error:
        raise UploadInterrupted from error


async def receive(chunks: AsyncIterator[bytes], *, announced: int | None) -> bytes:
    """The upload's bytes, at most 15 MB.

    Raises:
        PhotoTooLarge: there are more, or more were announced.
    """
    if announced is not None and announced > MAX_PHOTO_BYTES:
        raise PhotoTooLarge
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > MAX_PHOTO_BYTES:
            raise PhotoTooLarge
    return bytes(data)
