"""Which act each route leaves in the audit trail. Whoever adds a route that changes something adds it here."""

from collections.abc import Mapping

__all__ = ["ACTS", "UNRECORDED"]

_ENROLMENT = {
    "POST /enrolments": "enrolment.begin",
    "POST /enrolments/{enrolment_id}/complete": "enrolment.complete",
}
_PHONES = {
    "POST /communities/{community_id}/phones": "phone.register",
    "DELETE /communities/{community_id}/phones/{key_id}": "phone.revoke",
}
_OWN = {
    "PUT /consents/{purpose}": "consent.give",
    "POST /consents/{purpose}/withdraw": "consent.withdraw",
    "POST /requests": "request.{row.kind}",
    "POST /requests/{request_id}/lift": "request.lift",
    "GET /requests/{request_id}/export": "request.export",
    **_ENROLMENT,
    **_PHONES,
}
_SESSIONS = {
    "DELETE /me/sessions": "session.revoke",
    "DELETE /me/sessions/{session_id}": "session.revoke",
}

#: By surface, then by method and path beneath it: the act. Reading a face is one, too.
ACTS: Mapping[str, Mapping[str, str]] = {
    "resident": {
        **_OWN,
        **_SESSIONS,
        "PATCH /me": "person.change",
        "DELETE /me": "account.delete",
        "POST /me/number/verify": "account.number",
        "POST /join": "member.join",
        "POST /homes/{community_id}/{home_id}/members": "member.propose",
        "POST /homes/{community_id}/{home_id}/members/{member_id}/end": "member.end",
        "POST /homes/{community_id}/{home_id}/passes": "pass.create",
        "PATCH /homes/{community_id}/{home_id}/passes/{pass_id}": "pass.change",
        "DELETE /homes/{community_id}/{home_id}/passes/{pass_id}": "pass.cancel",
        "POST /homes/{community_id}/{home_id}/deliveries": "delivery.expect",
        "DELETE /homes/{community_id}/{home_id}/deliveries/{delivery_id}": "delivery.cancel",
        "PUT /wards/{person_id}/consents/{purpose}": "ward.consent.give",
        "POST /wards/{person_id}/consents/{purpose}/withdraw": "ward.consent.withdraw",
        "POST /wards/{person_id}/enrolments": "enrolment.begin",
        "POST /wards/{person_id}/enrolments/{enrolment_id}/complete": "enrolment.complete",
        "POST /wards/{person_id}/requests": "request.{row.kind}",
        "POST /wards/{person_id}/requests/{request_id}/lift": "request.lift",
        "GET /wards/{person_id}/requests/{request_id}/export": "request.export",
    },
    "visitor": {
        **_OWN,
        "POST /invitation/accept": "invitation.accept",
        "POST /invitation/withdraw": "invitation.withdraw",
        "DELETE /companies/{partner_id}": "courier.leave",
    },
    "partner": {
        "PUT /couriers/{worker_id}": "courier.name",
        "DELETE /couriers/{worker_id}": "courier.unname",
        "POST /shifts": "shift.assert",
        "DELETE /shifts/{shift_id}": "shift.end",
        "POST /deliveries": "delivery.assign",
        "DELETE /deliveries/{delivery_id}": "delivery.end",
    },
    "gate": {
        "POST /provision": "gate.provision",
        "GET /sync": "templates.send",
    },
    "staff": {
        **_SESSIONS,
        "POST /login/verify": "session.begin",
        "POST /second-factor": "session.elevate",
        "POST /second-factor/confirm": "second-factor.enrol",
        "POST /second-factor/recovery-codes": "second-factor.new-recovery-codes",
        "POST /staff/{staff_id}/second-factor/reset": "second-factor.reset",
        "POST /staff": "staff.add",
        "PATCH /staff/{staff_id}": "staff.change",
        "DELETE /staff/{staff_id}": "staff.remove",
        "POST /partners": "partner.create",
        "PUT /partners/{partner_id}/communities/{admitted_id}": "partner.admit",
        "POST /partners/{partner_id}/secrets": "partner.secret.create",
        "DELETE /partners/{partner_id}/secrets/{secret_id}": "partner.secret.revoke",
        "POST /imports": "import.begin",
        "PUT /imports/{import_id}/file": "import.receive",
        "POST /imports/{import_id}/apply": "import.apply",
        "POST /imports/{import_id}/cancel": "import.cancel",
        "POST /communities": "community.create",
        "PATCH /communities/{community_id}": "community.change",
    },
    "staff/communities/{community_id}": {
        "GET /audit/export": "audit.export",
        "POST /buildings": "building.create",
        "POST /homes": "home.create",
        "POST /homes/bulk": "home.create-many",
        "POST /homes/{home_id}/tenancies": "tenancy.create",
        "POST /tenancies/{tenancy_id}/members": "member.add",
        "POST /tenancies/{tenancy_id}/end": "tenancy.end",
        "POST /members/{member_id}/approve": "member.approve",
        "POST /members/{member_id}/end": "member.end",
        "POST /members/{member_id}/card": "card.issue",
        "DELETE /members/{member_id}/card": "card.revoke",
        "PUT /members/{member_id}/birth-date": "member.birth_date",
        "POST /members/{member_id}/guardians": "guardian.add",
        "POST /members/{member_id}/guardians/{guardianship_id}/end": "guardian.end",
        "POST /members/{member_id}/young-link": "member.young_link",
        "PUT /members/{member_id}/register-photo": "register_photo.keep",
        "DELETE /members/{member_id}/register-photo": "register_photo.drop",
        "GET /members/{member_id}/register-photo/picture": "register_photo.read",
        "POST /register-photos/imports": "register_photos.import",
        "GET /reviews/{review_id}/photos/{slot}": "review.photo.read",
        "POST /reviews/{review_id}/approve": "review.approve",
        "POST /reviews/{review_id}/refuse": "review.refuse",
        "POST /reviews/{review_id}/retake": "review.retake",
        "PUT /denied-frames/policy": "denied_frames.on",
        "DELETE /denied-frames/policy": "denied_frames.off",
        "GET /denied-frames/{frame_id}/picture": "denied_frame.read",
        "POST /gates": "gate.create",
        "POST /gates/{gate_id}/claims": "gate.claim",
        "POST /gates/{gate_id}/revoke": "gate.revoke",
        "POST /partners/{partner_id}/suspend": "partner.suspend",
        "POST /partners/{partner_id}/resume": "partner.resume",
        "POST /requests/{request_id}/decide": "request.grant",
        "PUT /retention/{key}": "retention.set",
        "POST /holds": "hold.set",
        "POST /holds/{hold_id}/renew": "hold.renew",
        "POST /holds/{hold_id}/end": "hold.end",
        "GET /holds/{hold_id}/photographs/{photo_id}": "hold.photo.read",
    },
}

_LOGGING_IN = "logging in and out of one's own account; sessions that a stolen token ended are recorded"

#: Routes that change something and leave no act, and why.
UNRECORDED: Mapping[str, Mapping[str, str]] = {
    "": {
        "POST /certificates/{certificate_id}": "reads, with the secret in the body so that no log holds it",
        "POST /certificates/{certificate_id}/document": "reads, with the secret in the body so that no log holds it",
    },
    "resident": {
        "POST /login": _LOGGING_IN,
        "POST /login/verify": _LOGGING_IN,
        "POST /token": _LOGGING_IN,
        "POST /logout": _LOGGING_IN,
        "POST /me/number": "sends codes; the change itself is recorded",
        "POST /communities/{community_id}/phones/challenge": "hands out a random number; the registration is recorded",
        "PUT /enrolments/{enrolment_id}/photos/{slot}": "a part of an enrolment, which is recorded as a whole",
        "PUT /wards/{person_id}/enrolments/{enrolment_id}/photos/{slot}": "a part of an enrolment",
    },
    "visitor": {
        "POST /session": _LOGGING_IN,
        "POST /token": _LOGGING_IN,
        "POST /communities/{community_id}/phones/challenge": "hands out a random number; the registration is recorded",
        "PUT /enrolments/{enrolment_id}/photos/{slot}": "a part of an enrolment, which is recorded as a whole",
    },
    "partner": {"POST /token": _LOGGING_IN},
    "gate": {
        "POST /token": _LOGGING_IN,
        "POST /events": "what gates decided is kept as entries",
        "POST /uses": "how often a code was used is kept with the code",
        "POST /denied-frames": "a picture that a community asked for; looking at it is recorded",
    },
    "staff": {
        "POST /login": _LOGGING_IN,
        "POST /token": _LOGGING_IN,
        "POST /logout": _LOGGING_IN,
        "POST /second-factor/enrol": "offers a secret; that it is in force is recorded",
    },
}
