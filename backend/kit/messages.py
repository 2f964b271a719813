"""Short messages to people's phones: what a sender promises, whoever carries them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from backend.kit.db import Connection
from backend.kit.problems import Unavailable

__all__ = ["MessagesUnavailable", "Sender", "Tell"]


class MessagesUnavailable(Unavailable):
    """The message could not be handed to the service that carries it."""

    code = "messages-unavailable"
    remedy = "Try again as Retry-After says."


# Checkable at run time, because Litestar checks what it injects.
@runtime_checkable
class Sender(Protocol):
    """Hands messages to whoever carries them. Implementations: backend.notifications.senders."""

    async def send(
        self, *, to: str, template: str, values: Mapping[str, str], language: str, key: str | None = None
    ) -> None:
        """Hand over one message; returns when the carrier has taken it.

        Args:
            to: E.164 number.
            template: a name of backend.notifications.templates.
            values: what stands in the template's places.
            language: "zh-CN" or "en".
            key: the same for the same message sent again, so that a carrier may tell; a new one where None.

        Raises:
            MessagesUnavailable: the carrier cannot be reached or refuses.
        """


@runtime_checkable
class Tell(Protocol):
    """Puts something about his account before a person. Implementation: backend.notifications.service."""

    async def __call__(
        self, conn: Connection, *, person_id: UUID, kind: str, about_id: UUID, detail: str | None, now: datetime
    ) -> None:
        """Tell him in the app, and on his telephones once the transaction commits.

        Args:
            conn: the caller's transaction, in any scope.
            person_id: whom.
            kind: a kind of backend.notifications.kinds.
            about_id: what it is about.
            detail: what a device calls itself.
            now: the present.
        """
