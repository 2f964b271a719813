"""What a certificate says, out of what is known. Pure."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.kit.crypto import keyed_hash
from backend.privacy.certificates.repository import ConsentProofRow, GateWordRow
from backend.privacy.certificates.schemas import (
    FORMAT,
    Certificate,
    CertifiedGate,
    CertifiedHold,
    CertifiedPlace,
    CertifiedStep,
    ConsentVersion,
    GateState,
    Law,
    Remaining,
    Remains,
)
from backend.privacy.holds.repository import HoldRow
from backend.privacy.holds.rules import LAWS
from backend.privacy.progress.repository import PlaceRow, StepRow
from backend.privacy.repository import ErasureRow, Existed, Extent
from backend.privacy.rules import FACE_ONLY, KEY_BACKUPS_EXPIRE, PROOF_KEPT

__all__ = ["LEASE_MARGIN", "PlaceWords", "certify", "gate_word", "same", "secret_fits", "secret_of", "settled_at"]

#: How much later than the last contact that is written down a gate may have had its last head: contacts are written
#: down once a minute, a poll lasts half a minute, and the gate's clock may be some minutes behind.
LEASE_MARGIN = timedelta(minutes=10)

_ROLES: Mapping[str, Remains] = {
    "resident": "role_resident",
    "staff": "role_staff",
    "guest": "role_guest",
    "courier": "role_courier",
    "guardian": "role_guardian",
}
_FACE = ("template", "photograph", "key")
_PROOF: tuple[Law, ...] = ("PIPL art. 69", "GDPR art. 7(1)", "GDPR art. 17(3)(e)", "Civil Code (CN) art. 188")
_CONSENT: tuple[Law, ...] = ("PIPL art. 13(1)(1)", "PIPL art. 29", "GDPR art. 9(2)(a)")
_CONTRACT: tuple[Law, ...] = ("PIPL art. 13(1)(2)", "GDPR art. 6(1)(b)")
_SECURITY: tuple[Law, ...] = ("PIPL art. 51", "GDPR art. 6(1)(f)", "GDPR art. 32")
_TRAIL: tuple[Law, ...] = ("PIPL art. 54", "Cybersecurity Law (CN) art. 21(3)", "GDPR art. 5(2)")


class PlaceWords(msgspec.Struct, frozen=True):
    """A community, what its gates have said, and how long it keeps entries and ended tenancies."""

    place: PlaceRow
    name: str
    gates: tuple[CertifiedGate, ...]
    entries_kept: timedelta
    register_kept: timedelta


def gate_word(row: GateWordRow, *, wipe_after_s: int | None, now: datetime) -> CertifiedGate:
    """What is known of one gate.

    Args:
        row: the gate.
        wipe_after_s: after how long without contact it wiped itself by the rules of when the person was removed; where
            the rules have changed since, the longer time counts, since a gate without contact has not heard of it.
        now: the time.
    """
    wiped_by = row.last_contact_at + timedelta(seconds=max(row.wipe_after_s, wipe_after_s or 0)) + LEASE_MARGIN
    state: GateState = "outstanding"
    if row.confirmed_at is not None:
        state = "confirmed"
    elif row.revoked_at is not None:
        state = "revoked"
    elif wiped_by <= now:
        state = "wiped"
    settled = {"confirmed": row.confirmed_at, "revoked": row.revoked_at, "wiped": wiped_by, "outstanding": None}
    return CertifiedGate(
        gate_id=row.gate_id,
        name=row.name,
        state=state,
        confirmed_at=settled[state],
        epoch=row.epoch,
        version=row.version,
        digest=None if row.digest is None else row.digest.hex(),
        compared=row.verified,
        # Of a gate that has said its word it is nobody's business when it says the next one.
        last_contact_at=None if state == "confirmed" else row.last_contact_at,
        wiped_by=None if state == "confirmed" else wiped_by,
    )


def settled_at(gates: Sequence[CertifiedGate], *, removed_at: datetime) -> datetime | None:
    """When the last gate had let go; when they were told, where there is none; None while one is outstanding."""
    times = [gate.confirmed_at for gate in gates]
    if any(at is None for at in times):
        return None
    return max([removed_at, *(at for at in times if at is not None)])


def certify(
    *,
    certificate_id: UUID,
    about_community: UUID | None,
    issuer: str,
    erasure: ErasureRow,
    steps: Sequence[StepRow],
    places: Sequence[PlaceWords],
    consents: Sequence[ConsentProofRow],
    holds: Sequence[HoldRow],
    completed_at: datetime | None,
    now: datetime,
) -> Certificate:
    """The certificate, unsigned.

    Args:
        certificate_id: its own.
        about_community: whose gates it names; None for the person's own, which names all.
        issuer: the deployment's address.
        erasure: what was asked for.
        steps: and how far it is.
        places: each community with its name and its gates.
        consents: what the person had agreed to.
        holds: orders that kept photographs, as far as he may be told.
        completed_at: None makes a provisional one.
        now: the time.
    """
    shown = [one for one in places if about_community in (None, one.place.community_id)]
    done = {step.name: step.done_at for step in steps}
    key_destroyed = done.get("key")
    certified = tuple(_place(one.place, one.name, one.gates) for one in shown)
    own = about_community is None
    there_was = msgspec.json.decode(erasure.existed, type=tuple[Existed, ...])
    held = tuple(_held(row) for row in holds if about_community in (None, row.community_id))
    existed = tuple(kind for kind in there_was if _concerns(erasure.extent, kind.kind))
    return Certificate(
        format=FORMAT,
        certificate_id=certificate_id,
        erasure_id=erasure.erasure_id,
        issuer=issuer,
        about="person" if own else "community",
        status="provisional" if completed_at is None else "complete",
        reason=erasure.reason,
        extent=erasure.extent,
        begun_at=erasure.started_at,
        issued_at=now,
        completed_at=completed_at,
        # How many homes, companies and communities somebody had is his own affair.
        existed=existed if own else tuple(kind for kind in existed if kind.kind in _FACE),
        consents=tuple(_consent(row) for row in consents) if own else (),
        # The last gate of all communities says nothing about this one's.
        stores=tuple(CertifiedStep(step.name, step.done_at) for step in steps if step.name != "gates"),
        places=certified,
        gates_outstanding=sum(gate.state == "outstanding" for place in certified for gate in place.gates),
        backups_unreadable_by=None if key_destroyed is None else key_destroyed + KEY_BACKUPS_EXPIRE,
        kept_roles=tuple(erasure.kept_roles) if own else (),
        remains=(
            *_remains(erasure, shown, own=own, consents=consents, completed_at=completed_at),
            *(Remaining("held_photographs", one.laws, one.until) for one in held if one.released_at is None),
        ),
        held=held,
    )


def same(one: Certificate, other: Certificate) -> bool:
    """Whether they differ in nothing but the time at which they were issued, so that a new one would say nothing new.

    That a gate which is waited for has been in contact since, and so may wipe itself later, is something new.
    """
    return msgspec.structs.replace(one, issued_at=other.issued_at) == other


def secret_of(pepper: bytes, certificate_id: UUID) -> str:
    """What a certificate's link has behind ``#``: 256 bits, computed anew whenever it is needed and kept nowhere."""
    return urlsafe_b64encode(keyed_hash(pepper, "certificate-link", str(certificate_id))).rstrip(b"=").decode("ascii")


def secret_fits(pepper: bytes, certificate_id: UUID, secret: str) -> bool:
    """Whether the secret is that certificate's; in the same time for every wrong one."""
    given = hashlib.sha256(secret.encode()).digest()
    return hmac.compare_digest(given, hashlib.sha256(secret_of(pepper, certificate_id).encode()).digest())


def _concerns(extent: Extent, kind: str) -> bool:
    """Whether the erasure was about things of that kind: one of a community's part leaves the face, and so on."""
    if extent == "photos":
        return kind == "photograph"
    return extent == "everything" or kind not in _FACE


def _remains(
    erasure: ErasureRow,
    places: Sequence[PlaceWords],
    *,
    own: bool,
    consents: Sequence[ConsentProofRow],
    completed_at: datetime | None,
) -> list[Remaining]:
    """What stays, by which law and until when."""
    proof_until = None if completed_at is None else completed_at + PROOF_KEPT
    found = []
    if erasure.extent == "community":
        found.append(Remaining("face_elsewhere", _CONSENT, None))
    elif erasure.extent == "photos":
        found.append(Remaining("template", _CONSENT, None))
    stays = erasure.reason in ("photos_withdrawn", *FACE_ONLY)
    if own:
        found.extend(Remaining(_ROLES[role], _CONTRACT, None) for role in erasure.kept_roles)
        if stays and not erasure.kept_roles:
            found.append(Remaining("account", _CONTRACT, None))
        if consents:
            gone = any(row.gone for row in consents)
            found.append(Remaining("consent_proof" if gone else "consents", _PROOF, proof_until if gone else None))
    # Where several communities keep them for different times, the longest counts.
    if places and erasure.reason in ("tenancy_ended", "member_left", "account_deleted"):
        kept = max(one.register_kept for one in places)
        found.append(Remaining("register_without_name", _PROOF, erasure.started_at + kept))
    if places:
        found.append(Remaining("entries", _SECURITY, erasure.started_at + max(one.entries_kept for one in places)))
    if erasure.extent == "everything":
        found.append(Remaining("destroyed_key_mark", ("PIPL art. 47", "GDPR art. 17(1)", "GDPR art. 32"), None))
    found.append(Remaining("erasure_record", _PROOF, proof_until))
    found.append(Remaining("audit_trail", _TRAIL, None))
    return found


def _place(row: PlaceRow, name: str, gates: Sequence[CertifiedGate]) -> CertifiedPlace:
    return CertifiedPlace(
        community_id=row.community_id,
        community=name,
        subject_id=row.subject_id,
        removed_at=row.detached_at,
        epoch=row.roster_epoch,
        version=row.roster_version,
        gates=tuple(gates),
    )


def _consent(row: ConsentProofRow) -> ConsentVersion:
    return ConsentVersion(
        purpose=row.purpose,
        version=row.version,
        language=row.language,
        text_sha256=row.text_sha256.hex(),
        given_at=row.given_at,
        withdrawn_at=row.withdrawn_at,
    )


def _held(row: HoldRow) -> CertifiedHold:
    return CertifiedHold(
        basis=row.basis,
        laws=LAWS[row.basis],
        photographs=row.photographs,
        set_at=row.set_at,
        until=row.ended_at or row.ends_at,
        released_at=row.released_at,
    )
