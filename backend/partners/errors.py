"""PartnerNotFound, PartnerNotAdmitted, SecretNotFound 404, TwoSecretsLive, LastSecret 409, InsufficientScope 403."""

from backend.kit.problems import Conflict, Forbidden, NotFound

__all__ = [
    "InsufficientScope",
    "LastSecret",
    "PartnerNotAdmitted",
    "PartnerNotFound",
    "SecretNotFound",
    "TwoSecretsLive",
]


class PartnerNotFound(NotFound):
    """There is no such company among yours."""

    code = "partner-not-found"
    remedy = "Take the id from the list of companies."


class PartnerNotAdmitted(NotFound):
    """This community is not among those that the company is admitted to, or it is suspended there."""

    code = "partner-not-admitted"
    remedy = "Take the community from GET /partner/v1/communities; ask its authority to be admitted."


class SecretNotFound(NotFound):
    """The company has no such live secret."""

    code = "secret-not-found"
    remedy = "Take the id from the company's record."


class TwoSecretsLive(Conflict):
    """Two secrets are live already, which is as many as a rotation needs."""

    code = "two-secrets-live"
    remedy = "Revoke the older one once nothing uses it, then make the next."


class LastSecret(Conflict):
    """This is the company's last live secret."""

    code = "last-secret"
    remedy = "Make the next one first; to lock the company out, suspend it at its communities."


class InsufficientScope(Forbidden):
    """The access token was not issued for this."""

    code = "insufficient-scope"
    remedy = "Ask the token endpoint for the scope that the error names."
