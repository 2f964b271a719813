"""Rules of withdrawals at a desk."""

from datetime import datetime
from uuid import UUID

from backend.audit import service as audit
from backend.consent.service import Purpose
from backend.guardians import service as guardians
from backend.guardians.rules import Stage
from backend.households.errors import MemberNotFound
from backend.households.members import repository as members
from backend.kit.db import Connection, Database, Scope, enter_community
from backend.privacy import service as privacy
from backend.privacy.repository import ErasureRow
from backend.privacy.trail import record_begun

__all__ = ["withdraw"]


async def withdraw(
    db: Database,
    *,
    community_id: UUID,
    member_id: UUID,
    purpose: Purpose,
    paper_reference: str,
    staff_id: UUID,
    now: datetime,
) -> ErasureRow | None:
    """Take a member's consent back, as he or his guardian has signed; None where none stood.

    What follows is what follows when he does it himself: the same erasure, in the same transaction.

    Raises:
        MemberNotFound: the community has no such member, or he has not joined, so he has agreed to nothing.
    """
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        person_id = await _person(conn, community_id, member_id)
    async with db.transaction(Scope(person_id=person_id)) as conn:
        # A child's guardian signs, which is no answer of the child's own.
        own = await guardians.stage_of_person(conn, person_id=person_id, now=now) is not Stage.CHILD
        begun = await privacy.withdraw_consent(conn, person_id=person_id, purpose=purpose, now=now, own=own)
        if begun is None:
            return None
        await enter_community(conn, community_id)
        # He may have been taken off the register since: then he is none of this office's any more.
        if await _person(conn, community_id, member_id) != person_id:
            raise MemberNotFound
        actor = f"staff:{staff_id}"
        await audit.record(
            conn,
            community_id=community_id,
            actor=actor,
            action="consent.withdraw_at_desk",
            target=f"member:{member_id}/{purpose}",
            reason=paper_reference,
        )
        await record_begun(conn, community_id=community_id, actor=actor, begun=[begun])
    return begun


async def _person(conn: Connection, community_id: UUID, member_id: UUID) -> UUID:
    member = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if member is None or member.person_id is None or member.state != "active":
        raise MemberNotFound
    return member.person_id
