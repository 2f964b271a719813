"""What can go wrong with the register.

NotFound 404: BuildingNotFound, HomeNotFound, TenancyNotFound, MemberNotFound, ActivationUnknown
Conflict 409: BuildingExists, HomeExists, HomeOccupied, HomeFull, TenancyEnded, MemberNotOpen, AlreadyMember,
PhoneDiffers
Gone 410: ActivationSpent
Forbidden 403: TenantOnly
Unprocessable 422: PeriodInvalid, AgeNeeded, PhoneContradicted
Conflict 409 also: AgeUnknown
"""

from backend.kit.problems import Conflict, Forbidden, Gone, NotFound, Unprocessable

__all__ = [
    "ActivationSpent",
    "ActivationUnknown",
    "AgeNeeded",
    "AgeUnknown",
    "AlreadyMember",
    "BuildingExists",
    "BuildingNotFound",
    "HomeExists",
    "HomeFull",
    "HomeNotFound",
    "HomeOccupied",
    "MemberNotFound",
    "MemberNotOpen",
    "PeriodInvalid",
    "PhoneContradicted",
    "PhoneDiffers",
    "TenancyEnded",
    "TenancyNotFound",
    "TenantOnly",
]


class BuildingNotFound(NotFound):
    """There is no such building in this community."""

    code = "building-not-found"
    remedy = "Take the id from the list of the community's buildings."


class BuildingExists(Conflict):
    """The community has a building of that name."""

    code = "building-exists"
    remedy = "Use the one that is there, or another name."


class HomeNotFound(NotFound):
    """There is no such home, or it is not yours."""

    code = "home-not-found"
    remedy = "Take the ids from the list of homes."


class HomeExists(Conflict):
    """The building has a home with that label."""

    code = "home-exists"
    remedy = "Use the one that is there, or another label."


class HomeOccupied(Conflict):
    """The home has another tenancy in that time."""

    code = "home-occupied"
    remedy = "End the other tenancy first, or begin after its end."


class HomeFull(Conflict):
    """The household has as many members as the home may have."""

    code = "home-full"
    remedy = "Remove a member who has left, or have the office raise the home's limit."


class TenancyNotFound(NotFound):
    """There is no such tenancy in this community."""

    code = "tenancy-not-found"
    remedy = "Take the id from the home."


class TenancyEnded(Conflict):
    """The tenancy has ended."""

    code = "tenancy-ended"
    remedy = "Begin a new tenancy where somebody moves in again."


class MemberNotFound(NotFound):
    """There is no such member, or he is not in your household."""

    code = "member-not-found"
    remedy = "Take the id from the home."


class MemberNotOpen(Conflict):
    """The member has joined or left already."""

    code = "member-not-open"
    remedy = "Nothing needs to be approved; read the home to see where he stands."


class AlreadyMember(Conflict):
    """You are a member of this household already."""

    code = "already-member"
    remedy = "The code is meant for another member of the household, who has to log in with his own phone."


class PhoneDiffers(Conflict):
    """The register has another phone number for this code than the one you logged in with."""

    code = "phone-differs"
    remedy = "Log in with the number that the office has, or ask the office to correct it and give you a new code."


class ActivationUnknown(NotFound):
    """There is no such activation code."""

    code = "activation-unknown"
    remedy = "Check the code for typing errors; it was given out by your community's office."


class ActivationSpent(Gone):
    """The activation code was used, has expired, or its tenancy has ended."""

    code = "activation-spent"
    remedy = "Ask your community's office for a new code."


class TenantOnly(Forbidden):
    """Only the tenant himself may do that for his household."""

    code = "tenant-only"
    remedy = "Ask the tenant, or your community's office."


class AgeNeeded(Unprocessable):
    """Of a child the office has to say when he was born, or that he is of age."""

    code = "age-needed"
    remedy = "Give birth_date as it stands in a document that you have seen, or of_age."


class AgeUnknown(Conflict):
    """The register does not say how old the child is, and a child does not join alone."""

    code = "age-unknown"
    remedy = "Ask your community's office to confirm the birth date."


class PhoneContradicted(Unprocessable):
    """A number was given for somebody who has no phone."""

    code = "phone-contradicted"
    remedy = "Give either phone or without_phone."


class OutsideTenancy(Unprocessable):
    """The window does not lie within the time for which you live there."""

    code = "outside-tenancy"
    remedy = "Ask for a time from `lives_from` on and, where that is given, until `lives_until`."


class PeriodInvalid(Unprocessable):
    """The end does not lie after the beginning and the present."""

    code = "period-invalid"
    remedy = "Give an end that lies later than the beginning and than now, or none."
