"""Requests about enrolling at a desk."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.consent.repository import Language
from backend.consent.service import Purpose

__all__ = ["DeskEnrolment", "SignedText"]


class SignedText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that the person signed: its purpose, and the exact version that he was given."""

    purpose: Purpose
    version: Annotated[int, Meta(ge=1, le=1_000_000)]


class DeskEnrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An enrolment to begin at the desk.

    ``paper_reference`` is the number under which the office keeps the signed sheet; no name. ``texts`` are the consents
    on it, each for itself; the one to entry by face is needed. For a child under fourteen a guardian signs:
    ``guardianship_id`` says which, as the member's guardians are listed.
    """

    paper_reference: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9./_-]+$")]
    texts: Annotated[list[SignedText], Meta(min_length=1, max_length=2)]
    language: Language = "zh-CN"
    guardianship_id: UUID | None = None
