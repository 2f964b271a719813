"""Failures about codes.

NobodyHere, KeyNotFound, CardNotFound 404 · ChallengeRefused 401 · TooManyPhones, TokenSpent 409 ·
PublicKeyInvalid, ProofRefused, PinInvalid 422
"""

from backend.kit.problems import Conflict, NotFound, Unauthorised, Unprocessable

__all__ = [
    "CardNotFound",
    "ChallengeRefused",
    "KeyNotFound",
    "NobodyHere",
    "PinInvalid",
    "ProofRefused",
    "PublicKeyInvalid",
    "TokenSpent",
    "TooManyPhones",
]


class NobodyHere(NotFound):
    """You have no right to pass in this community."""

    code = "nobody-here"
    remedy = "Join a household there, or accept an invitation, and try again."


class KeyNotFound(NotFound):
    """You have registered no such key."""

    code = "key-not-found"
    remedy = "Take the id from the list of your phones."


class CardNotFound(NotFound):
    """That person has no card."""

    code = "card-not-found"
    remedy = "Issue one."


class ChallengeRefused(Unauthorised):
    """The challenge is not ours, was made for somebody else, or is older than five minutes."""

    code = "challenge-refused"
    remedy = "Ask for a new challenge, sign it and send it at once."


class TooManyPhones(Conflict):
    """You have as many phones registered as you may."""

    code = "too-many-phones"
    remedy = "Remove one that you no longer use."


class TokenSpent(Conflict):
    """The pass has been used as often as it may."""

    code = "token-spent"
    remedy = "Ask your host for another pass."


class PublicKeyInvalid(Unprocessable):
    """That is no Ed25519 or P-256 public key."""

    code = "public-key-invalid"
    remedy = "Send it raw or as SubjectPublicKeyInfo (DER), in base64."


class ProofRefused(Unprocessable):
    """The signature does not show that you hold the private key."""

    code = "proof-refused"
    remedy = "Sign the statement of docs/codes.md with that key: 64 bytes, for P-256 r and s."


class PinInvalid(Unprocessable):
    """The PIN is too easily guessed."""

    code = "pin-invalid"
    remedy = "Choose 4 to 12 digits that neither repeat one digit nor count up or down; or let one be made."
