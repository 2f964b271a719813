"""Who may call a route, and how everybody else is refused: what the tables' lines say.

Everybody whom a line does not name is refused: with 401 where his token is for another surface or he has none, else as
:class:`Rule` says for his kind. A 404 is what tells nobody that something of somebody else's exists.
"""

from collections.abc import Mapping

import msgspec

from tests.backend.authorisation.who import Who

_RESIDENTS = (Who.TENANT, Who.FAMILY, Who.NEIGHBOUR, Who.FORMER, Who.STRANGER)
_VISITORS = (Who.GUEST, Who.OTHER_GUEST, Who.UNINVITED, Who.WITHDRAWN, Who.COURIER, Who.LET_GO)
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
_ENDED = {Who.UNINVITED: 410, Who.WITHDRAWN: 410, Who.LET_GO: 410, Who.REVOKED_GATE: 403, Who.REMOVED: 401}


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
# Whoever has withdrawn still reads what became of his data, and so does he whose link somebody else has ended; who is
# left with his rights, too.
EVERY_VISITOR_ALSO_AFTER = _only(Who.GUEST, Who.OTHER_GUEST, Who.COURIER, Who.WITHDRAWN, Who.UNINVITED, Who.LET_GO)
RIGHTS_OF_VISITORS = _only(Who.GUEST, Who.OTHER_GUEST, Who.COURIER, Who.UNINVITED, Who.LET_GO)
EVERY_VISITOR_OR_WITHDRAWN = _only(Who.GUEST, Who.OTHER_GUEST, Who.COURIER, Who.WITHDRAWN)
LEAVING = _only(Who.GUEST, Who.OTHER_GUEST, Who.COURIER, Who.WITHDRAWN, Who.LET_GO)
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
