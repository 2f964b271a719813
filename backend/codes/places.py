"""Where somebody may show a code."""

from uuid import UUID

from backend.access import service as access
from backend.codes.schemas import Place
from backend.communities import repository as communities
from backend.kit.db import Connection, enter_community
from backend.people import repository as people

__all__ = ["MOST_PLACES", "list_places"]

# A courier who rides for several companies has rights in some tens of communities at a time.
MOST_PLACES = 200


async def list_places(conn: Connection, *, person_id: UUID) -> list[Place]:
    """The communities in which the person has a right to pass, now or later, at most ``MOST_PLACES``, by name.

    Needs the person's own scope, and enters each community's.
    """
    places: list[Place] = []
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        if not await access.kinds(conn, community_id=subject.community_id, subject_id=subject.subject_id):
            continue
        community = await communities.get_community(conn, community_id=subject.community_id)
        if community is not None:
            places.append(Place(subject.community_id, community.name))
        if len(places) == MOST_PLACES:
            break
    return sorted(places, key=lambda place: place.name)
