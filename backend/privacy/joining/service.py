"""Rules of becoming one person.

A company names a number, and whoever opens the link that is sent there is a courier, as a person of his own: the link
may have been passed on, and the number may be somebody else's by now. Two proofs together make him a resident as well:
the session that the link began, and a log-in by a code to the same number. Then the resident stays who he is, with his
household, his consents and his face, and the courier's record becomes his. The face that the courier may have enrolled
apart is never compared and never taken over: it opened gates on a company's word, and would now open a home's. It is
erased, with a certificate. No company can tell: its worker, his state and his shifts stay what they are.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.accounts import repository as accounts
from backend.couriers.employments import repository as couriers
from backend.couriers.employments.repository import EmploymentRow
from backend.kit.auth import ResidentPrincipal
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.problems import Unauthorised
from backend.links import repository as link_rows
from backend.links import service as links
from backend.people import repository as people
from backend.people.repository import SubjectRow
from backend.privacy import repository as erasures
from backend.privacy.forgetting import service as forgetting
from backend.privacy.joining import repository
from backend.privacy.joining.errors import CourierOfAnother, NotACourier, NumberDiffers
from backend.privacy.repository import ErasureRow
from backend.privacy.service import begin

__all__ = ["Joined", "join"]


class Joined(msgspec.Struct, frozen=True):
    """The courier as he is now; the erasure of what he was apart, if there was anything, and where his rights stood."""

    courier_id: UUID
    companies: list[EmploymentRow]
    begun: ErasureRow | None
    places: list[SubjectRow]


async def join(
    conn: Connection, *, resident: ResidentPrincipal, refresh_token: str, pepper: bytes, now: datetime
) -> Joined:
    """Make the courier of a link's session and the resident one person. Repeating is harmless.

    His rights at communities follow by settling, each in a transaction of its own. In the platform's scope; enters
    that of the person whom the courier was.

    Raises:
        Unauthorised: the account is gone.
        LinkClosed, LinkExpired, LinkHeld: the link is not good any more.
        NotACourier: the session is a guest's, or nobody's.
        NumberDiffers: the link went to another number.
        CourierOfAnother: another account's person is the courier already.
    """
    try:
        visitor = await links.refresh(conn, refresh_token=refresh_token, pepper=pepper, now=now)
        # A link that has ended is renewed for reading only.
        await links.current(conn, principal=visitor, now=now)
    except Unauthorised:
        # Not the caller's own log-in, which he would renew in vain.
        raise NotACourier from None
    account = await accounts.get_account(conn, account_id=resident.account_id)
    if account is None or account.person_id != resident.person_id or visitor.session_id is None:
        raise Unauthorised
    if visitor.kind != "courier":
        raise NotACourier
    phone_hash = keyed_hash(pepper, "courier-phone", account.phone)
    await couriers.lock_phone(conn, phone_hash=phone_hash)
    courier = await couriers.find_courier(conn, phone_hash=phone_hash)
    if courier is None or courier.courier_id != visitor.invitation_id:
        raise NumberDiffers
    begun: ErasureRow | None = None
    places: list[SubjectRow] = []
    if courier.person_id != resident.person_id:
        if await repository.has_account(conn, person_id=courier.person_id):
            raise CourierOfAnother
        for person_id in sorted((courier.person_id, resident.person_id)):
            await erasures.lock_person(conn, person_id=person_id)
        await repository.hand_over(conn, courier_id=courier.courier_id, person_id=resident.person_id)
        begun, places = await _erase(conn, person_id=courier.person_id, now=now)
    await link_rows.prove_session(conn, session_id=visitor.session_id, account_session=resident.session_id)
    return Joined(
        courier.courier_id,
        await couriers.list_employments_of_courier(conn, courier_id=courier.courier_id),
        begun,
        places,
    )


async def _erase(conn: Connection, *, person_id: UUID, now: datetime) -> tuple[ErasureRow | None, list[SubjectRow]]:
    """Begin to erase the person whom nothing names any more; at once, where there is nothing of him."""
    await erasures.enter_person(conn, person_id=person_id)
    places = await people.list_subjects_of_person(conn, person_id=person_id)
    if not places and not await forgetting.inventory(conn, person_id=person_id):
        await people.delete_person(conn, person_id=person_id)
        return None, []
    row = await begin(conn, person_id=person_id, reason="courier_joined", extent="everything", places=places, now=now)
    return row, places
