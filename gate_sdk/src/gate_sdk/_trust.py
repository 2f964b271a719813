"""Whose heads this gate believes: the keys it was provisioned with, and those that they named in their place. Pure."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from gate_sdk.errors import WrongSignatureError
from gate_sdk.wire import BadSignature, ServerKey, verify_endorsed

__all__ = ["Trust"]

# Several processes of a server change to the new key at the same moment, by clocks that differ by seconds.
_SLACK_US = 300_000_000
# More keys than a community has in its life; a server must not fill the gate with them.
_MOST = 64


class Trust(msgspec.Struct, frozen=True):
    """The community's keys as this gate knows them."""

    community: UUID
    keys: tuple[ServerKey, ...]

    @property
    def raw(self) -> dict[str, bytes]:
        """Key id to raw public key, replaced ones included: what they signed in their time stays genuine."""
        return {key.kid: key.public_key for key in self.keys}

    def extended(self, offered: Iterable[ServerKey]) -> "Trust":
        """Also trust each key that a trusted one names in its place; whatever else is offered is passed over.

        A chain of any length is followed: a gate may have been without a network through several rotations. A key has
        one successor: a stolen one that is out of its time names no second.
        """
        known = list(self.keys)
        waiting = [key for key in offered if key.by is not None]
        found = True
        while found:
            found = False
            for key in waiting:
                taken = {one.kid for one in known} | {f"by:{one.by}" for one in known}
                if len(known) >= _MOST or key.kid in taken or f"by:{key.by}" in taken:
                    continue
                try:
                    verify_endorsed(key, community=self.community, keys={one.kid: one.public_key for one in known})
                except BadSignature:
                    continue
                known.append(key)
                found = True
        return self if len(known) == len(self.keys) else msgspec.structs.replace(self, keys=tuple(known))

    def require_current(self, kid: str, issued_at_us: int) -> None:
        """Check that the key was the community's own when the head was issued.

        Raises:
            WrongSignatureError: another key had taken its place by then.
        """
        ended = [key.from_us for key in self.keys if key.by == kid]
        if ended and issued_at_us >= min(ended) + _SLACK_US:
            raise WrongSignatureError("signed by a key that another one has replaced")
