"""LinkUnknown 404, LinkUnproven 403, LinkHeld 409, LinkOpenedTooOften 409, LinkExpired, LinkClosed 410."""

from backend.kit.problems import Conflict, Forbidden, Gone, NotFound

__all__ = ["LinkClosed", "LinkExpired", "LinkHeld", "LinkOpenedTooOften", "LinkUnknown", "LinkUnproven"]


class LinkUnknown(NotFound):
    """There is no such link."""

    code = "link-unknown"
    remedy = "Open the link exactly as it was sent; ask for a new one if it is not complete."


class LinkExpired(Gone):
    """The link's time is over."""

    code = "link-expired"
    remedy = "Ask whoever sent it for a new one."


class LinkClosed(Gone):
    """The link was cancelled, withdrawn or replaced by a newer one."""

    code = "link-closed"
    remedy = "Open the newest link that you were sent, or ask for a new one."


class LinkUnproven(Forbidden):
    """This courier has an account as a resident, and this phone has not logged in to it."""

    code = "link-unproven"
    remedy = "Log in as a resident on this phone, and name the link's session at POST /resident/v1/courier."


class LinkHeld(Conflict):
    """Another phone has accepted with this link."""

    code = "link-held"
    remedy = "Go on on the phone that accepted; if that was not you, tell whoever sent the link, who can cancel it."


class LinkOpenedTooOften(Conflict):
    """The link was opened too often without being accepted."""

    code = "link-opened-too-often"
    remedy = "Go on where it was opened last, or ask for a new one."
