"""WardNotFound 404; GuardianNeeded, DecidesHimself 403; GuardianRefused, MemberOfAge 409; BirthDateInvalid 422."""

from backend.kit.problems import Conflict, Forbidden, NotFound, Unprocessable

__all__ = ["BirthDateInvalid", "DecidesHimself", "GuardianNeeded", "GuardianRefused", "MemberOfAge", "WardNotFound"]


class WardNotFound(NotFound):
    """There is no such child, or you are not his guardian."""

    code = "ward-not-found"
    remedy = "Take the id from GET /wards. Who is a guardian, the community's office records."


class GuardianNeeded(Forbidden):
    """Whoever is under fourteen does not agree for himself."""

    code = "guardian-needed"
    remedy = "A guardian agrees for him (PUT /wards/{person_id}/consents/{purpose}); until then the QR code opens."


class DecidesHimself(Forbidden):
    """From the fourteenth birthday on, that is the young person's own to decide."""

    code = "decides-himself"
    remedy = "Let him decide by his own phone, or by the link that he was sent or that the office gives him."


class GuardianRefused(Conflict):
    """Another guardian has refused, and his no counts."""

    code = "guardian-refused"
    remedy = "Agree with the other guardian, who can change his mind here; who is a guardian, the office decides."


class MemberOfAge(Conflict):
    """The member is of age, or no birth date of his was confirmed, so nobody acts for him."""

    code = "member-of-age"
    remedy = "Confirm his birth date first, from a document. Who is eighteen acts for himself."


class BirthDateInvalid(Unprocessable):
    """A birth date lies in the past, and at most 130 years ago."""

    code = "birth-date-invalid"
    remedy = "Give the date as it stands in the document."
