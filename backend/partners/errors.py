"""Of companies: not found 404, too many or too few credentials 409, keys that are none 422, too narrow a token 403."""

from backend.kit.problems import Conflict, Forbidden, NotFound, Unprocessable

__all__ = [
    "InsufficientScope",
    "KeyExists",
    "KeyNotFound",
    "KeyRefused",
    "LastSecret",
    "PartnerNotAdmitted",
    "PartnerNotFound",
    "SecretNotFound",
    "TooManyKeys",
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


class KeyNotFound(NotFound):
    """The company has no such live key."""

    code = "key-not-found"
    remedy = "Take the id from the company's list of keys."


class KeyExists(Conflict):
    """A live key of the company has that name."""

    code = "key-exists"
    remedy = "Give the new key another kid, or none: then it is called by its thumbprint."


class TooManyKeys(Conflict):
    """The company has as many live keys as are allowed."""

    code = "too-many-keys"
    remedy = "Revoke those that nothing signs with any more."


class KeyRefused(Unprocessable):
    """That is no public key that may sign here."""

    code = "key-refused"
    remedy = "Send the public half of an Ed25519 or P-256 key as a JSON Web Key."


class InsufficientScope(Forbidden):
    """The access token was not issued for this."""

    code = "insufficient-scope"
    remedy = "Ask the token endpoint for the scope that the error names."
