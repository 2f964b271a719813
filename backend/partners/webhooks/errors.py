"""EndpointNotFound 404, TooManyEndpoints and EndpointDisabled 409, UrlRefused 422."""

from backend.kit.problems import Conflict, NotFound, Unprocessable

__all__ = ["EndpointDisabled", "EndpointNotFound", "TooManyEndpoints", "UrlRefused"]


class EndpointNotFound(NotFound):
    """The company has no such webhook."""

    code = "webhook-not-found"
    remedy = "Take the id from the list of webhooks."


class TooManyEndpoints(Conflict):
    """The company has as many webhooks as it may."""

    code = "too-many-webhooks"
    remedy = "Delete one that nothing listens to any more."


class EndpointDisabled(Conflict):
    """The webhook is switched off."""

    code = "webhook-disabled"
    remedy = "Switch it on again, once it answers."


class UrlRefused(Unprocessable):
    """Nothing is sent to such an address."""

    code = "webhook-url-refused"
    remedy = "Give an https address of a public host with a name, on port 443, without a user's name in it."
