"""Who may call each route. Whoever adds a route adds its line here; what its body needs stands in asking.py.

Everybody whom a line does not name is refused: with 401 where his token is for another surface or he has none, else as
:class:`Rule` says for his kind. A 404 is what tells nobody that something of somebody else's exists.
"""

from collections.abc import Mapping

import msgspec

from tests.backend.authorisation.place import Who

__all__ = ["CONFLICTS", "ROUTES", "SAID_IN_BODY", "SURFACE_OF", "Rule"]

_RESIDENTS = (Who.TENANT, Who.FAMILY, Who.NEIGHBOUR, Who.FORMER, Who.STRANGER)
_VISITORS = (Who.GUEST, Who.OTHER_GUEST, Who.UNINVITED, Who.WITHDRAWN, Who.COURIER)
_COMPANIES = (Who.COMPANY, Who.OTHER_COMPANY)
_GATES = (Who.GATE, Who.OTHER_GATE, Who.REVOKED_GATE)
_HERE = (
    Who.ADMINISTRATOR, Who.UNELEVATED, Who.MANAGER, Who.DESK, Who.AUDITOR, Who.LEGAL, Who.LEGAL_UNELEVATED,
)  # fmt: skip
_AWAY = (
    Who.MANAGER_ELSEWHERE, Who.DESK_ELSEWHERE, Who.AUDITOR_ELSEWHERE,
    Who.OTHER_ADMINISTRATOR, Who.OTHER_MANAGER, Who.OTHER_LEGAL,
)  # fmt: skip
_STAFF = (*_HERE, *_AWAY, Who.REMOVED)

#: The surface that each one's token is for.
SURFACE_OF: Mapping[Who, str] = {
    **dict.fromkeys(_RESIDENTS, "resident"),
    **dict.fromkeys(_VISITORS, "visitor"),
    **dict.fromkeys(_COMPANIES, "partner"),
    **dict.fromkeys(_GATES, "gate"),
    **dict.fromkeys(_STAFF, "staff"),
}
# Whose session or device has ended is told so, whatever he asks for.
_ENDED = {Who.UNINVITED: 410, Who.WITHDRAWN: 410, Who.REVOKED_GATE: 403, Who.REMOVED: 401}


class Rule(msgspec.Struct, frozen=True):
    """Who may, and how the others of the same surface are refused. ``allowed`` None is everybody, token or not."""

    allowed: frozenset[Who] | None
    refused: Mapping[Who, int]

    def but(self, **refused: int) -> "Rule":
        """The same, with these refused in another way, by their names in :class:`Who`."""
        return Rule(self.allowed, {**self.refused, **{Who[name]: status for name, status in refused.items()}})

    def expects(self, who: Who, surface: str) -> int | None:
        """The status with which he is refused; None where he may."""
        if self.allowed is None or who in self.allowed:
            return None
        return self.refused[who] if SURFACE_OF.get(who) == surface else 401


def _only(*allowed: Who) -> Rule:
    return Rule(frozenset(allowed), {**dict.fromkeys(SURFACE_OF, 404), **_ENDED})


def _of_community(*allowed: Who) -> Rule:
    """Those with another role there learn that it takes another; to everybody else the community does not exist."""
    return Rule(frozenset(allowed), {**dict.fromkeys(_HERE, 403), **dict.fromkeys(_AWAY, 404), **_ENDED})


def _of_authority(*allowed: Who) -> Rule:
    """No community is named, so a role for one is not enough, wherever."""
    return Rule(frozenset(allowed), {**dict.fromkeys(_STAFF, 403), Who.OTHER_ADMINISTRATOR: 404, **_ENDED})


PUBLIC = Rule(None, {})

# Residents. EVERY_...: each gets his own, and the path names nothing of anybody's.
EVERY_RESIDENT = _only(*_RESIDENTS)
RESIDENTS_PAST_AND_PRESENT = _only(Who.TENANT, Who.FAMILY, Who.NEIGHBOUR, Who.FORMER)
RESIDENTS = _only(Who.TENANT, Who.FAMILY, Who.NEIGHBOUR)
HOUSEHOLD = _only(Who.TENANT, Who.FAMILY)
TENANT = _only(Who.TENANT)
FORMER = _only(Who.FORMER)

# Visitors.
EVERY_VISITOR = _only(Who.GUEST, Who.OTHER_GUEST, Who.COURIER)
# Whoever has withdrawn still reads what became of his data.
EVERY_VISITOR_ALSO_AFTER = _only(Who.GUEST, Who.OTHER_GUEST, Who.COURIER, Who.WITHDRAWN)
EVERY_GUEST = _only(Who.GUEST, Who.OTHER_GUEST)
GUEST = _only(Who.GUEST)
COURIER = _only(Who.COURIER)

# Companies and gates.
EVERY_COMPANY = _only(*_COMPANIES)
COMPANY = _only(Who.COMPANY)
NOBODY_HERE = _only()
EVERY_GATE = _only(Who.GATE, Who.OTHER_GATE)

# Staff of the community. _PROVEN: with the second factor only.
READERS = _of_community(*(set(_HERE) - {Who.AUDITOR}))
DESK = _of_community(Who.ADMINISTRATOR, Who.UNELEVATED, Who.MANAGER, Who.DESK)
DESK_PROVEN = _of_community(Who.ADMINISTRATOR, Who.MANAGER, Who.DESK)
AUDITORS = _of_community(Who.ADMINISTRATOR, Who.UNELEVATED, Who.MANAGER, Who.AUDITOR)
AUDITORS_PROVEN = _of_community(Who.ADMINISTRATOR, Who.MANAGER, Who.AUDITOR)
OFFICE = _of_community(Who.ADMINISTRATOR, Who.UNELEVATED, Who.MANAGER)
OFFICE_PROVEN = _of_community(Who.ADMINISTRATOR, Who.MANAGER)
LEGAL_OFFICER = _of_community(Who.LEGAL)

# Staff of the authority.
EVERYBODY_EVER = _of_authority(*_STAFF)
EVERY_STAFF = _of_authority(*_HERE, *_AWAY)
EVERY_STAFF_PROVEN = _of_authority(*(set(_HERE) - {Who.UNELEVATED, Who.LEGAL_UNELEVATED}), *_AWAY)
EVERY_OFFICE = _of_authority(
    Who.ADMINISTRATOR, Who.UNELEVATED, Who.MANAGER, Who.MANAGER_ELSEWHERE, Who.OTHER_ADMINISTRATOR, Who.OTHER_MANAGER
)
EVERY_OFFICE_PROVEN = _of_authority(
    Who.ADMINISTRATOR, Who.MANAGER, Who.MANAGER_ELSEWHERE, Who.OTHER_ADMINISTRATOR, Who.OTHER_MANAGER
)
EVERY_AUTHORITY = _of_authority(Who.ADMINISTRATOR, Who.UNELEVATED, Who.OTHER_ADMINISTRATOR)
EVERY_AUTHORITY_PROVEN = _of_authority(Who.ADMINISTRATOR, Who.OTHER_ADMINISTRATOR)
AUTHORITY = _of_authority(Who.ADMINISTRATOR, Who.UNELEVATED)
AUTHORITY_PROVEN = _of_authority(Who.ADMINISTRATOR)
# An import is its authority's: managers may begin some, and look at what others' say of their own communities. This
# one has no lines yet.
IMPORT = AUTHORITY.but(MANAGER=404, MANAGER_ELSEWHERE=404, OTHER_MANAGER=404)
OWN_SESSION = _only(Who.ADMINISTRATOR, Who.UNELEVATED)

#: By surface, then by method and path beneath it.
ROUTES: Mapping[str, Mapping[str, Rule]] = {
    "": {
        "GET /my-offline.js": PUBLIC,
        "GET /my": PUBLIC,
        "GET /.well-known/oauth-authorization-server": PUBLIC,
        "GET /.well-known/doorward-audit-keys.json": PUBLIC,
        "GET /.well-known/doorward-certificate-keys.json": PUBLIC,
        "GET /.well-known/jwks.json": PUBLIC,
        "GET /certificates/{certificate_id}": PUBLIC,
        "POST /certificates/{certificate_id}": PUBLIC,
        "POST /certificates/{certificate_id}/document": PUBLIC,
        "GET /health/live": PUBLIC,
        "GET /health/ready": PUBLIC,
        "GET /pages/{version}/{name}": PUBLIC,
        "GET /visit": PUBLIC,
    },
    "resident": {
        "GET /communities": EVERY_RESIDENT,
        "GET /homes/{community_id}/{home_id}/passes/{pass_id}": HOUSEHOLD,
        "GET /age": EVERY_RESIDENT,
        "GET /communities/{community_id}/phones": RESIDENTS,
        # The others' challenge was given to somebody else: the proof does not fit.
        "POST /communities/{community_id}/phones": TENANT.but(FAMILY=401, NEIGHBOUR=401, FORMER=401, STRANGER=401),
        "POST /communities/{community_id}/phones/challenge": RESIDENTS,
        "DELETE /communities/{community_id}/phones/{key_id}": TENANT,
        "GET /consents": EVERY_RESIDENT,
        "GET /consents/documents": PUBLIC,
        "PUT /consents/{purpose}": EVERY_RESIDENT,
        "POST /consents/{purpose}/withdraw": EVERY_RESIDENT,
        "GET /enrolments": EVERY_RESIDENT,
        "POST /enrolments": RESIDENTS_PAST_AND_PRESENT,
        "GET /enrolments/{enrolment_id}": TENANT,
        "POST /enrolments/{enrolment_id}/complete": TENANT.but(FORMER=409),
        "PUT /enrolments/{enrolment_id}/photos/{slot}": TENANT.but(FORMER=409),
        "GET /entries": EVERY_RESIDENT,
        "GET /erasures": EVERY_RESIDENT,
        "GET /erasures/{erasure_id}/certificate": FORMER,
        "GET /erasures/{erasure_id}/certificate/page": FORMER,
        "GET /homes": EVERY_RESIDENT,
        "GET /homes/{community_id}/{home_id}/deliveries": HOUSEHOLD,
        "POST /homes/{community_id}/{home_id}/deliveries": HOUSEHOLD,
        "DELETE /homes/{community_id}/{home_id}/deliveries/{delivery_id}": HOUSEHOLD,
        "PUT /homes/{community_id}/{home_id}/deliveries/{delivery_id}/handover": HOUSEHOLD,
        "GET /homes/{community_id}/{home_id}/members": HOUSEHOLD,
        "POST /homes/{community_id}/{home_id}/members": TENANT.but(FAMILY=403),
        "POST /homes/{community_id}/{home_id}/members/{member_id}/end": HOUSEHOLD,
        "GET /homes/{community_id}/{home_id}/approvals": HOUSEHOLD,
        "POST /homes/{community_id}/{home_id}/approvals/{approval_id}/approve": HOUSEHOLD,
        "POST /homes/{community_id}/{home_id}/approvals/{approval_id}/deny": HOUSEHOLD,
        "GET /homes/{community_id}/{home_id}/passes": HOUSEHOLD,
        "POST /homes/{community_id}/{home_id}/passes": HOUSEHOLD,
        "GET /homes/{community_id}/{home_id}/passes/door-groups": HOUSEHOLD,
        "DELETE /homes/{community_id}/{home_id}/passes/{pass_id}": HOUSEHOLD,
        "PATCH /homes/{community_id}/{home_id}/passes/{pass_id}": HOUSEHOLD,
        "GET /homes/{community_id}/{home_id}/passes/{pass_id}/code": HOUSEHOLD,
        "GET /homes/{community_id}/{home_id}/passes/{pass_id}/code/image": HOUSEHOLD,
        # The code is what opens it, together with the number on the tenancy where there is one.
        "POST /join": EVERY_RESIDENT,
        "POST /login": PUBLIC,
        "POST /login/verify": PUBLIC,
        "POST /logout": EVERY_RESIDENT,
        "DELETE /me": EVERY_RESIDENT,
        "GET /me": EVERY_RESIDENT,
        "PATCH /me": EVERY_RESIDENT,
        "POST /courier": EVERY_RESIDENT,
        "POST /me/number": EVERY_RESIDENT,
        "POST /me/number/verify": EVERY_RESIDENT,
        "DELETE /me/number": EVERY_RESIDENT,
        "DELETE /me/sessions": EVERY_RESIDENT,
        "GET /me/sessions": EVERY_RESIDENT,
        "DELETE /me/sessions/{session_id}": TENANT,
        "GET /notifications": EVERY_RESIDENT,
        "GET /notifications/preferences": EVERY_RESIDENT,
        "PUT /notifications/preferences/{kind}": EVERY_RESIDENT,
        "PUT /notifications/read": EVERY_RESIDENT,
        "GET /notifications/subscriptions": EVERY_RESIDENT,
        "PUT /notifications/subscriptions": EVERY_RESIDENT,
        "GET /notifications/subscriptions/key": EVERY_RESIDENT,
        "DELETE /notifications/subscriptions/{subscription_id}": TENANT,
        "PUT /notifications/{notification_id}/read": TENANT,
        "GET /partners": RESIDENTS,
        "GET /requests": EVERY_RESIDENT,
        "POST /requests": RESIDENTS_PAST_AND_PRESENT,
        "GET /requests/{request_id}/export": TENANT,
        "POST /requests/{request_id}/lift": TENANT,
        "GET /retention": PUBLIC,
        "POST /token": PUBLIC,
        "GET /wards": EVERY_RESIDENT,
        "GET /wards/{person_id}/consents": TENANT,
        "PUT /wards/{person_id}/consents/{purpose}": TENANT,
        "POST /wards/{person_id}/consents/{purpose}/withdraw": TENANT,
        "GET /wards/{person_id}/enrolments": TENANT,
        "POST /wards/{person_id}/enrolments": TENANT,
        "GET /wards/{person_id}/enrolments/{enrolment_id}": TENANT,
        "POST /wards/{person_id}/enrolments/{enrolment_id}/complete": TENANT,
        "PUT /wards/{person_id}/enrolments/{enrolment_id}/photos/{slot}": TENANT,
        "GET /wards/{person_id}/erasures": TENANT,
        "GET /wards/{person_id}/requests": TENANT,
        "POST /wards/{person_id}/requests": TENANT,
        "GET /wards/{person_id}/requests/{request_id}/export": TENANT,
        "POST /wards/{person_id}/requests/{request_id}/lift": TENANT,
    },
    "visitor": {
        "GET /communities": EVERY_VISITOR,
        "GET /code": EVERY_GUEST,
        "GET /code/image": EVERY_GUEST,
        "GET /communities/{community_id}/phones": EVERY_VISITOR,
        "POST /communities/{community_id}/phones": GUEST.but(OTHER_GUEST=401, COURIER=401),
        "POST /communities/{community_id}/phones/challenge": EVERY_VISITOR,
        "DELETE /communities/{community_id}/phones/{key_id}": GUEST,
        "GET /companies": EVERY_VISITOR,
        "DELETE /companies/{partner_id}": COURIER,
        "GET /consents": EVERY_VISITOR,
        "GET /consents/documents": PUBLIC,
        "PUT /consents/{purpose}": EVERY_VISITOR,
        "POST /consents/{purpose}/withdraw": EVERY_VISITOR,
        "GET /enrolments": EVERY_VISITOR,
        "POST /enrolments": EVERY_VISITOR,
        "GET /enrolments/{enrolment_id}": GUEST,
        "POST /enrolments/{enrolment_id}/complete": GUEST,
        "PUT /enrolments/{enrolment_id}/photos/{slot}": GUEST,
        "GET /erasures": EVERY_VISITOR_ALSO_AFTER,
        "GET /erasures/{erasure_id}/certificate": GUEST.but(WITHDRAWN=404),
        "GET /erasures/{erasure_id}/certificate/page": GUEST.but(WITHDRAWN=404),
        "GET /invitation": EVERY_VISITOR_ALSO_AFTER,
        "POST /invitation/accept": EVERY_VISITOR,
        "POST /invitation/withdraw": EVERY_VISITOR_ALSO_AFTER,
        "GET /notifications": EVERY_VISITOR,
        "PUT /notifications/read": EVERY_VISITOR,
        "PUT /notifications/{notification_id}/read": GUEST,
        "GET /requests": EVERY_VISITOR,
        "POST /requests": EVERY_VISITOR,
        "GET /requests/{request_id}/export": GUEST,
        "POST /requests/{request_id}/lift": GUEST,
        "GET /retention": PUBLIC,
        "POST /session": PUBLIC,
        "POST /token": PUBLIC,
    },
    "partner": {
        "GET /communities": EVERY_COMPANY,
        "DELETE /couriers/{worker_id}": COMPANY,
        "GET /couriers/{worker_id}": COMPANY,
        "PUT /couriers/{worker_id}": EVERY_COMPANY,
        "POST /couriers/bulk": EVERY_COMPANY,
        "POST /deliveries": COMPANY,
        "DELETE /deliveries/{delivery_id}": COMPANY,
        "POST /shifts": COMPANY,
        "DELETE /shifts/{shift_id}": COMPANY,
        "POST /shifts/bulk": EVERY_COMPANY,
        "GET /events": EVERY_COMPANY,
        "GET /webhooks": EVERY_COMPANY,
        "POST /webhooks": EVERY_COMPANY,
        "GET /webhooks/{endpoint_id}": COMPANY,
        "PUT /webhooks/{endpoint_id}": COMPANY,
        "DELETE /webhooks/{endpoint_id}": COMPANY,
        "POST /webhooks/{endpoint_id}/rotate": COMPANY,
        "POST /webhooks/{endpoint_id}/test": COMPANY,
        "GET /webhooks/{endpoint_id}/dead-letters": COMPANY,
        "POST /webhooks/{endpoint_id}/replay": COMPANY,
        # Neither of them is a sandbox.
        "POST /sandbox/events": NOBODY_HERE,
        "POST /token": PUBLIC,
    },
    "gate": {
        "POST /asks": EVERY_GATE,
        "POST /denied-frames": EVERY_GATE,
        "POST /health": EVERY_GATE,
        "POST /events": EVERY_GATE,
        "POST /provision": PUBLIC,
        "GET /sync": EVERY_GATE,
        "POST /token": PUBLIC,
        "POST /uses": EVERY_GATE,
    },
    "staff": {
        "DELETE /partners/{partner_id}/keys/{key_id}": AUTHORITY_PROVEN,
        "POST /partners/{partner_id}/keys": AUTHORITY_PROVEN,
        "GET /partners/{partner_id}/keys": AUTHORITY,
        "GET /staff/{staff_id}": AUTHORITY,
        "GET /communities": EVERY_STAFF,
        "POST /communities": EVERY_AUTHORITY,
        "GET /communities/{community_id}": READERS,
        "PATCH /communities/{community_id}": OFFICE,
        "GET /imports": EVERY_OFFICE,
        "POST /imports": EVERY_OFFICE,
        "GET /imports/{import_id}": IMPORT,
        "POST /imports/{import_id}/apply": IMPORT,
        "POST /imports/{import_id}/cancel": IMPORT,
        "PUT /imports/{import_id}/file": IMPORT,
        "GET /imports/{import_id}/report": IMPORT,
        "POST /login": PUBLIC,
        "POST /login/verify": PUBLIC,
        "POST /logout": EVERYBODY_EVER,
        "DELETE /me/sessions": EVERY_STAFF,
        "GET /me/sessions": EVERY_STAFF,
        "DELETE /me/sessions/{session_id}": OWN_SESSION,
        "GET /partners": EVERY_AUTHORITY,
        "POST /partners": AUTHORITY_PROVEN,
        "GET /courier-faces": EVERY_AUTHORITY,
        "PUT /courier-faces": EVERY_AUTHORITY_PROVEN,
        "GET /partners/{partner_id}": AUTHORITY,
        "PUT /partners/{partner_id}/communities/{admitted_id}": AUTHORITY_PROVEN,
        "POST /partners/{partner_id}/secrets": AUTHORITY_PROVEN,
        "DELETE /partners/{partner_id}/secrets/{secret_id}": AUTHORITY_PROVEN,
        "GET /register": EVERY_OFFICE_PROVEN,
        "GET /second-factor": EVERY_STAFF,
        "POST /second-factor": EVERY_STAFF,
        "POST /second-factor/confirm": EVERY_STAFF,
        "POST /second-factor/enrol": EVERY_STAFF_PROVEN,
        "POST /second-factor/recovery-codes": EVERY_STAFF_PROVEN,
        "GET /staff": EVERY_AUTHORITY,
        "POST /staff": EVERY_AUTHORITY_PROVEN,
        "DELETE /staff/{staff_id}": AUTHORITY_PROVEN,
        "PATCH /staff/{staff_id}": AUTHORITY_PROVEN,
        "POST /staff/{staff_id}/second-factor/reset": AUTHORITY_PROVEN,
        "POST /token": PUBLIC,
    },
    "staff/communities/{community_id}": {
        "PUT /recognition": OFFICE_PROVEN,
        "GET /recognition": OFFICE,
        "POST /model-change": OFFICE_PROVEN,
        "GET /model-change": OFFICE,
        "GET /gate-health": READERS,
        "POST /model-change/end": OFFICE_PROVEN,
        "POST /model-change/call-off": OFFICE_PROVEN,
        "GET /tenancies/{tenancy_id}/planned-end": READERS,
        "GET /door-groups/{group_id}": READERS,
        "GET /doors/{door_id}": READERS,
        "GET /schedules/{schedule_id}": READERS,
        "GET /gates/{gate_id}/door": READERS,
        "GET /calendar/{year}": READERS,
        "POST /activation-codes": OFFICE_PROVEN,
        "POST /activation-codes/csv": OFFICE_PROVEN,
        "GET /audit": AUDITORS,
        "GET /audit/checkpoints": AUDITORS,
        "GET /audit/export": AUDITORS_PROVEN,
        "GET /buildings": READERS,
        "POST /buildings": OFFICE,
        "GET /calendar": READERS,
        "PUT /calendar/{year}": OFFICE,
        "GET /denied-frames": OFFICE_PROVEN,
        "DELETE /denied-frames/policy": OFFICE,
        "GET /denied-frames/policy": READERS,
        "PUT /denied-frames/policy": OFFICE_PROVEN,
        "GET /denied-frames/{frame_id}/picture": OFFICE_PROVEN,
        "POST /door-groups": OFFICE,
        "DELETE /door-groups/{group_id}": OFFICE,
        "PUT /door-groups/{group_id}": OFFICE,
        "GET /doors": READERS,
        "POST /doors": OFFICE,
        "DELETE /doors/{door_id}": OFFICE,
        "PUT /doors/{door_id}": OFFICE,
        "GET /emergencies": READERS,
        "POST /emergencies": DESK_PROVEN,
        "POST /emergencies/{emergency_id}/end": DESK_PROVEN,
        "GET /entries": DESK,
        "GET /erasures": OFFICE_PROVEN,
        "GET /erasures/{erasure_id}": OFFICE_PROVEN,
        "GET /erasures/{erasure_id}/certificate": OFFICE_PROVEN,
        "GET /erasures/{erasure_id}/certificate/page": OFFICE_PROVEN,
        "GET /gates": READERS,
        "POST /gates": OFFICE_PROVEN,
        "POST /gates/{gate_id}/claims": OFFICE_PROVEN,
        "PUT /gates/{gate_id}/door": OFFICE,
        "POST /gates/{gate_id}/revoke": OFFICE_PROVEN,
        "GET /holds": LEGAL_OFFICER,
        "POST /holds": LEGAL_OFFICER,
        "GET /holds/{hold_id}": LEGAL_OFFICER,
        "POST /holds/{hold_id}/end": LEGAL_OFFICER,
        "GET /holds/{hold_id}/photographs/{photo_id}": LEGAL_OFFICER,
        "POST /holds/{hold_id}/renew": LEGAL_OFFICER,
        "GET /homes": READERS,
        "POST /homes": OFFICE,
        "POST /homes/bulk": OFFICE,
        "GET /homes/{home_id}": READERS,
        "POST /homes/{home_id}/tenancies": OFFICE,
        "GET /hours": READERS,
        "PUT /hours": OFFICE,
        "GET /members": READERS,
        "POST /members/{member_id}/approve": OFFICE,
        "PUT /members/{member_id}/birth-date": OFFICE,
        "DELETE /members/{member_id}/card": OFFICE_PROVEN,
        "POST /members/{member_id}/card": OFFICE_PROVEN,
        "POST /members/{member_id}/consents/{purpose}/withdraw": OFFICE_PROVEN,
        "POST /members/{member_id}/desk-enrolments": OFFICE_PROVEN,
        "GET /members/{member_id}/desk-enrolments/{enrolment_id}": OFFICE_PROVEN,
        "POST /members/{member_id}/desk-enrolments/{enrolment_id}/complete": OFFICE_PROVEN,
        "PUT /members/{member_id}/desk-enrolments/{enrolment_id}/photos/{slot}": OFFICE_PROVEN,
        "POST /members/{member_id}/end": OFFICE_PROVEN,
        "GET /members/{member_id}/guardians": READERS,
        "POST /members/{member_id}/guardians": OFFICE,
        "POST /members/{member_id}/guardians/{guardianship_id}/end": OFFICE,
        "DELETE /members/{member_id}/register-photo": OFFICE_PROVEN,
        "GET /members/{member_id}/register-photo": OFFICE_PROVEN,
        "PUT /members/{member_id}/register-photo": OFFICE_PROVEN,
        "GET /members/{member_id}/register-photo/picture": OFFICE_PROVEN,
        "POST /members/{member_id}/account": OFFICE_PROVEN,
        "POST /members/{member_id}/number": DESK_PROVEN,
        "DELETE /members/{member_id}/number": DESK_PROVEN,
        "POST /members/{member_id}/number/seen": DESK_PROVEN,
        "POST /members/{member_id}/young-link": OFFICE,
        "GET /partners": READERS,
        "POST /partners/{partner_id}/resume": OFFICE_PROVEN,
        "POST /partners/{partner_id}/suspend": OFFICE_PROVEN,
        "POST /couriers/{subject_id}/suspend": OFFICE_PROVEN,
        "GET /courier-suspensions": READERS,
        "DELETE /courier-suspensions/{suspension_id}": OFFICE_PROVEN,
        "GET /register": OFFICE_PROVEN,
        "GET /register-photos/imports": OFFICE_PROVEN,
        "POST /register-photos/imports": OFFICE_PROVEN,
        "GET /register-photos/imports/{import_id}": OFFICE_PROVEN,
        "GET /register-photos/imports/{import_id}/lines": OFFICE_PROVEN,
        "GET /requests": OFFICE_PROVEN,
        "POST /requests/{request_id}/decide": OFFICE_PROVEN,
        "GET /retention": OFFICE_PROVEN,
        "PUT /retention/{key}": OFFICE_PROVEN,
        "GET /reviews": OFFICE_PROVEN,
        "GET /reviews/{review_id}": OFFICE_PROVEN,
        "GET /reviews/{review_id}/alike": OFFICE_PROVEN,
        "POST /reviews/{review_id}/approve": OFFICE_PROVEN,
        "GET /reviews/{review_id}/photos/{slot}": OFFICE_PROVEN,
        "POST /reviews/{review_id}/refuse": OFFICE_PROVEN,
        "POST /reviews/{review_id}/retake": OFFICE_PROVEN,
        "GET /guest-policy": READERS,
        "PUT /guest-policy": OFFICE,
        "GET /guest-blocks": READERS,
        "POST /guest-blocks": OFFICE,
        "DELETE /guest-blocks/{block_id}": OFFICE,
        "GET /schedules": READERS,
        "POST /schedules": OFFICE,
        "DELETE /schedules/{schedule_id}": OFFICE,
        "PUT /schedules/{schedule_id}": OFFICE,
        "POST /tenancies/{tenancy_id}/end": OFFICE_PROVEN,
        "POST /tenancies/{tenancy_id}/members": OFFICE,
        "PUT /tenancies/{tenancy_id}/planned-end": OFFICE_PROVEN,
        "PUT /tenancies/{tenancy_id}/register-number": OFFICE,
        "PUT /members/{member_id}/register-number": OFFICE,
        "GET /cards": READERS,
        "POST /tenancies/{tenancy_id}/transfer": OFFICE_PROVEN,
    },
}

#: Where whoever may is answered with a conflict all the same, its code: what the request would need cannot be had here
#: (three photographs of a face, a worker that has finished). A code shows that he was not refused for who he is.
CONFLICTS: Mapping[str, str] = {
    "POST /staff/v1/communities/{community_id}/model-change": "model-pack-not-installed",
    "POST /staff/v1/communities/{community_id}/model-change/end": "people-waited-for",
    "POST /resident/v1/join": "already-member",
    "GET /visitor/v1/erasures/{erasure_id}/certificate": "certificate-awaited",
    "GET /visitor/v1/erasures/{erasure_id}/certificate/page": "certificate-awaited",
    "POST /gate/v1/events": "batch-invalid",
    "POST /resident/v1/enrolments/{enrolment_id}/complete": "photos-missing",
    "PUT /resident/v1/enrolments/{enrolment_id}/photos/{slot}": "no_face",
    "GET /resident/v1/erasures/{erasure_id}/certificate": "certificate-awaited",
    "GET /resident/v1/erasures/{erasure_id}/certificate/page": "certificate-awaited",
    "POST /resident/v1/me/number/verify": "number-not-proven",
    "DELETE /resident/v1/me/number": "no-number-change",
    # The link went to another number than any of these have.
    "POST /resident/v1/courier": "number-differs",
    "DELETE /staff/v1/communities/{community_id}/members/{member_id}/number": "no-number-change",
    "POST /resident/v1/wards/{person_id}/enrolments/{enrolment_id}/complete": "photos-missing",
    "PUT /resident/v1/wards/{person_id}/enrolments/{enrolment_id}/photos/{slot}": "no_face",
    "GET /staff/v1/communities/{community_id}/erasures/{erasure_id}/certificate": "certificate-awaited",
    "GET /staff/v1/communities/{community_id}/erasures/{erasure_id}/certificate/page": "certificate-awaited",
    "POST /staff/v1/communities/{community_id}/homes/{home_id}/tenancies": "home-occupied",
    "POST /staff/v1/communities/{community_id}/members/{member_id}/account": "account-exists",
    "POST /staff/v1/communities/{community_id}/members/{member_id}/desk-enrolments/{enrolment_id}/complete": (
        "photos-missing"
    ),
    "PUT /staff/v1/communities/{community_id}/members/{member_id}/desk-enrolments/{enrolment_id}/photos/{slot}": (
        "no_face"
    ),
    "PUT /staff/v1/communities/{community_id}/members/{member_id}/register-photo": "no_face",
    "POST /staff/v1/communities/{community_id}/tenancies/{tenancy_id}/transfer": "same-home",
    "POST /staff/v1/imports/{import_id}/apply": "import-not-open",
    "POST /staff/v1/partners/{partner_id}/secrets": "two-secrets-live",
    "POST /staff/v1/second-factor": "second-factor-refused",
    "POST /staff/v1/second-factor/confirm": "nothing-to-confirm",
    "POST /visitor/v1/enrolments/{enrolment_id}/complete": "photos-missing",
    "PUT /visitor/v1/enrolments/{enrolment_id}/photos/{slot}": "no_face",
}

#: Where only the body says what it is about, so that one which nobody can read is told just that: whose it would have
#: been, nobody knows. Everywhere else whoever may not is refused before his body is read.
SAID_IN_BODY: Mapping[str, str] = {
    "POST /partner/v1/deliveries": "the community",
    "POST /partner/v1/shifts": "the community",
    "POST /resident/v1/communities/{community_id}/phones": "the proof that the challenge was given to him",
    "POST /resident/v1/enrolments": "the community",
    "POST /resident/v1/requests": "the community",
    "POST /staff/v1/partners": "the communities",
    "POST /visitor/v1/communities/{community_id}/phones": "the proof that the challenge was given to him",
}
