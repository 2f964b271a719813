"""Rules of a guest's withdrawing."""

from datetime import datetime

from backend.access import service as access
from backend.kit.auth import VisitorPrincipal
from backend.kit.db import Connection, enter_community
from backend.people import repository as people
from backend.privacy import repository
from backend.privacy.repository import ErasureRow, Extent
from backend.privacy.service import begin, needed_elsewhere
from backend.visitors import service as visitors
from backend.visitors.repository import PassRow
from backend.visitors.rules import state_of

__all__ = ["withdraw_invitation"]


async def withdraw_invitation(
    conn: Connection, *, visitor: VisitorPrincipal, now: datetime
) -> tuple[PassRow, ErasureRow | None]:
    """End a guest's pass by his own word, and begin to erase what was kept of him for it.

    None is begun where another pass of his needs it in this community. Repeating answers as the first time. In the
    scope of the community, the person and the platform.

    Raises:
        LinkUnknown: there is no such pass.
        LinkClosed: his host has cancelled it; what was kept goes without him.
        Unauthorised: this session is over.
    """
    person_id = visitor.person_id
    before = await visitors.read_own(conn, visitor=visitor)
    if state_of(before, now) == "withdrawn":
        begun = await repository.list_erasures_of_person(conn, person_id=person_id)
        return before, next((row for row in begun if row.reason == "invitation_withdrawn"), None)
    row = await visitors.withdraw(conn, visitor=visitor, now=now)
    await repository.lock_person(conn, person_id=person_id)
    subjects = await people.list_subjects_of_person(conn, person_id=person_id)
    here = next((s for s in subjects if s.community_id == row.community_id), None)
    if here and await access.kinds(conn, community_id=row.community_id, subject_id=here.subject_id):
        return row, None
    elsewhere = await needed_elsewhere(conn, person_id=person_id, subjects=subjects)
    # Looking elsewhere has left the scope in another community.
    await enter_community(conn, row.community_id)
    extent: Extent = "community" if elsewhere else "everything"
    places = [s for s in subjects if extent == "everything" or s.community_id == row.community_id]
    begun_now = await begin(
        conn, person_id=person_id, reason="invitation_withdrawn", extent=extent, places=places, now=now
    )
    return row, begun_now
