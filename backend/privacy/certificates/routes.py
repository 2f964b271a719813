"""Certificates for residents, visitors and staff, and for whoever holds the link to his own; the keys to check them."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import MediaType, Response, Router, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body

from backend.keys.service import Keys
from backend.keys.signing.published import KeySet
from backend.kit.auth import Permission, ResidentPrincipal, SecondFactorRequired, VisitorPrincipal
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.rates.limiter import RateExceeded
from backend.links.guards import OPENINGS, limited_by_address
from backend.privacy.certificates import repository
from backend.privacy.certificates.errors import CertificateAwaited, CertificateNotFound
from backend.privacy.certificates.page import HEADERS, entrance, render
from backend.privacy.certificates.repository import CertificateRow
from backend.privacy.certificates.rules import secret_fits
from backend.privacy.certificates.schemas import (
    CertificateForm,
    CertificateSecret,
    SignedCertificate,
)
from backend.privacy.certificates.signing import public_keys
from backend.privacy.certificates.texts import Language

__all__ = ["public_router", "resident_router", "staff_router", "visitor_router"]

_OWN = problems(Unauthorised, CertificateNotFound, CertificateAwaited)
_STAFF = problems(Unauthorised, Forbidden, SecondFactorRequired, CertificateNotFound, CertificateAwaited)
_LINK = problems(CertificateNotFound, CertificateAwaited, RateExceeded)


@get("/erasures/{erasure_id:uuid}/certificate", responses=_OWN, summary="Read my certificate")
async def read_resident_certificate(erasure_id: UUID, resident: ResidentPrincipal, db: Database) -> SignedCertificate:
    """The signed certificate of one of the caller's erasures, with every community's gates."""
    return await _own(db, resident.person_id, erasure_id)


@get(
    "/erasures/{erasure_id:uuid}/certificate/page",
    responses=_OWN,
    media_type=MediaType.HTML,
    summary="Read my certificate as a page",
)
async def show_resident_certificate(
    erasure_id: UUID, resident: ResidentPrincipal, db: Database, language: Language = "zh-CN"
) -> Response[str]:
    """The same for people to read, print and keep."""
    return _page(await _own(db, resident.person_id, erasure_id), language)


@get(
    "/erasures/{erasure_id:uuid}/certificate",
    opt={"after_end": "reading"},
    responses=_OWN,
    summary="Read my certificate",
)
async def read_visitor_certificate(erasure_id: UUID, visitor: VisitorPrincipal, db: Database) -> SignedCertificate:
    """The signed certificate of one of the caller's erasures, with every community's gates."""
    return await _own(db, visitor.person_id, erasure_id)


@get(
    "/erasures/{erasure_id:uuid}/certificate/page",
    opt={"after_end": "reading"},
    responses=_OWN,
    media_type=MediaType.HTML,
    summary="Read my certificate as a page",
)
async def show_visitor_certificate(
    erasure_id: UUID, visitor: VisitorPrincipal, db: Database, language: Language = "zh-CN"
) -> Response[str]:
    """The same for people to read, print and keep."""
    return _page(await _own(db, visitor.person_id, erasure_id), language)


@get(
    "/erasures/{erasure_id:uuid}/certificate",
    opt={"needs": Permission.ERASURE},
    responses=_STAFF,
    summary="Read an erasure's certificate",
)
async def read_staff_certificate(community_id: UUID, erasure_id: UUID, db: Database) -> SignedCertificate:
    """The signed certificate of what this community had and its gates confirmed, and of nothing elsewhere."""
    return await _community_s(db, community_id, erasure_id)


@get(
    "/erasures/{erasure_id:uuid}/certificate/page",
    opt={"needs": Permission.ERASURE},
    responses=_STAFF,
    media_type=MediaType.HTML,
    summary="Read an erasure's certificate as a page",
)
async def show_staff_certificate(
    community_id: UUID, erasure_id: UUID, db: Database, language: Language = "zh-CN"
) -> Response[str]:
    """The same for people to read, print and keep."""
    return _page(await _community_s(db, community_id, erasure_id), language)


@get("/certificates/{certificate_id:uuid}", opt={"public": True}, media_type=MediaType.HTML)
async def open_link(certificate_id: UUID, language: Language = "zh-CN") -> Response[str]:  # noqa: ARG001 - the page reads it
    """Where a link leads: a page that posts what stands behind ``#``, so that no log holds it."""
    return Response(entrance(language), media_type=MediaType.HTML, headers=HEADERS)


@post(
    "/certificates/{certificate_id:uuid}",
    opt={"public": True},
    guards=[limited_by_address(OPENINGS)],
    status_code=200,
    media_type=MediaType.HTML,
)
async def show_linked_certificate(
    certificate_id: UUID,
    data: Annotated[CertificateForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    db: Database,
    pepper: bytes,
) -> Response[str]:
    """The certificate as a page, for whoever holds its link."""
    return _page(await _linked(db, pepper, certificate_id, data.secret), data.language)


@post(
    "/certificates/{certificate_id:uuid}/document",
    opt={"public": True},
    guards=[limited_by_address(OPENINGS)],
    status_code=200,
    responses=_LINK,
)
async def read_linked_certificate(
    certificate_id: UUID, data: CertificateSecret, db: Database, pepper: bytes
) -> SignedCertificate:
    """The signed certificate, for whoever holds its link."""
    return await _linked(db, pepper, certificate_id, data.secret)


@get("/.well-known/doorward-certificate-keys.json", opt={"public": True}, summary="Public keys of certificates")
async def certificate_keys(keys: Keys) -> KeySet:
    """The keys that certificates of erasure are signed with, as a JSON Web Key Set; retired ones stay."""
    return public_keys(await keys.certificate_keys())


async def _own(db: Database, person_id: UUID, erasure_id: UUID) -> SignedCertificate:
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        row = await repository.get(conn, erasure_id=erasure_id, person_id=person_id, about_community=None)
    return _handed_out(row)


async def _community_s(db: Database, community_id: UUID, erasure_id: UUID) -> SignedCertificate:
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        row = await repository.get(conn, erasure_id=erasure_id, about_community=community_id)
    return _handed_out(row)


async def _linked(db: Database, pepper: bytes, certificate_id: UUID, secret: str) -> SignedCertificate:
    if not secret_fits(pepper, certificate_id, secret):
        raise CertificateNotFound
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        row = await repository.find(conn, certificate_id=certificate_id)
    return _handed_out(row)


def _handed_out(row: CertificateRow | None) -> SignedCertificate:
    if row is None:
        raise CertificateNotFound
    if row.document is None:
        raise CertificateAwaited
    return msgspec.json.decode(row.document, type=SignedCertificate)


def _page(signed: SignedCertificate, language: Language) -> Response[str]:
    return Response(render(signed, language), media_type=MediaType.HTML, headers=HEADERS)


staff_router = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[read_staff_certificate, show_staff_certificate],
    tags=["privacy"],
)
resident_router = Router(
    path="/", route_handlers=[read_resident_certificate, show_resident_certificate], tags=["privacy"]
)
visitor_router = Router(path="/", route_handlers=[read_visitor_certificate, show_visitor_certificate], tags=["privacy"])
public_router = Router(
    path="/", route_handlers=[open_link, show_linked_certificate, read_linked_certificate, certificate_keys]
)
