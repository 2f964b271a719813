"""What a person is told about his enrolments: where his face is active, where somebody has yet to look at it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from backend.access import repository as credentials
from backend.access.repository import CredentialRow
from backend.enrolment import repository
from backend.enrolment.completion import Placed
from backend.enrolment.gallery.service import Outcome
from backend.enrolment.messages import decision_messages
from backend.enrolment.repository import EnrolmentRow
from backend.enrolment.reviews import repository as reviews
from backend.enrolment.reviews.repository import ReviewRow
from backend.enrolment.schemas import Completed, EnrolmentList, EnrolmentState, EnrolmentStatus, Place, PlaceState
from backend.enrolment.templates import repository as kept_templates
from backend.kit.db import Connection, enter_community
from backend.people import repository as people

__all__ = ["completed", "list_status"]

_PLACES: Mapping[Outcome, PlaceState] = {
    Outcome.ACTIVE: "active",
    Outcome.IN_REVIEW: "in_review",
    Outcome.ENROL_AGAIN: "enrol_again",
}
_REVIEWS: Mapping[str, PlaceState] = {"pending": "in_review", "refused": "refused", "retake": "enrol_again"}


def completed(placed: list[Placed]) -> Completed:
    """The answer to completing an enrolment."""
    waiting = any(place.outcome is Outcome.IN_REVIEW for place in placed)
    return Completed(
        state="in_review" if waiting else "active",
        communities=tuple(Place(place.community_id, _PLACES[place.outcome]) for place in placed),
    )


async def list_status(conn: Connection, *, person_id: UUID, now: datetime) -> EnrolmentList:
    """All enrolments of the person. In his own scope; the communities that know him are entered one by one."""
    enrolments = await repository.list_enrolments(conn, person_id=person_id)
    templates: dict[UUID, set[UUID]] = {}
    for template in await kept_templates.list_templates(conn, person_id=person_id):
        templates.setdefault(template.enrolment_id, set()).add(template.template_id)
    reviewed = await reviews.list_reviews_of_person(conn, person_id=person_id)
    slots = {
        row.enrolment_id: await repository.list_photos(conn, person_id=person_id, enrolment_id=row.enrolment_id)
        for row in enrolments
    }
    active: dict[UUID, CredentialRow] = {}
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        found = await credentials.get_credential(conn, community_id=subject.community_id, subject_id=subject.subject_id)
        if found is not None:
            active[subject.community_id] = found
    return EnrolmentList(
        tuple(
            EnrolmentStatus(
                enrolment_id=row.enrolment_id,
                state=_state(row, places, now),
                capture_policy=row.capture_policy,
                started_at=row.started_at,
                expires_at=row.expires_at,
                completed_at=row.completed_at,
                slots=tuple(photo.slot for photo in slots[row.enrolment_id]),
                communities=places,
            )
            for row in enrolments
            for places in [_places(row, templates.get(row.enrolment_id, set()), reviewed, active)]
        )
    )


def _places(
    row: EnrolmentRow, templates: set[UUID], reviewed: list[ReviewRow], active: Mapping[UUID, CredentialRow]
) -> tuple[Place, ...]:
    found = {}
    for review in reversed(reviewed):  # the newest last, so that it counts
        state = _REVIEWS.get(review.state)
        if review.enrolment_id == row.enrolment_id and state is not None:
            since = review.opened_at if review.decided_at is None else review.decided_at
            found[review.community_id] = Place(
                review.community_id,
                state,
                since,
                review.reason,
                review.reason_code,
                {} if review.reason_code is None else decision_messages(review.reason_code),
            )
    for community_id, credential in active.items():
        if credential.template_id in templates:
            found[community_id] = Place(community_id, "active", credential.activated_at)
    return tuple(found[community_id] for community_id in sorted(found))


def _state(row: EnrolmentRow, places: tuple[Place, ...], now: datetime) -> EnrolmentState:
    if row.state == "open":
        return "expired" if now >= row.expires_at else "open"
    states = {place.state for place in places}
    if "in_review" in states:
        return "in_review"
    if "active" in states:
        return "active"
    if "enrol_again" in states:
        return "enrol_again"
    return "refused" if row.state == "refused" or "refused" in states else "inactive"
