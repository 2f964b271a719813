"""Requests and responses about links."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["OpenLink", "RefreshSession", "VisitorSession"]

Token = Annotated[str, Meta(min_length=1, max_length=200)]


class OpenLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token out of a link.

    ``known`` is the refresh token of an earlier visit's session, on the phone that accepted then: its guest goes on as
    the same person, with the consents and the face that still stand, and the link is this phone's from now on.
    """

    token: Token
    known: Token | None = None


class RefreshSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token that renews a session's access."""

    refresh_token: Token


class VisitorSession(msgspec.Struct, frozen=True):
    """Access for a guest or a courier. ``expires_in`` is in seconds."""

    kind: Literal["guest", "courier", "young"]
    access_token: str
    expires_in: int
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a type, not a secret
