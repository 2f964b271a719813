"""Short messages to people's phones: what a sender promises, whoever carries them."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from backend.kit.problems import Unavailable

__all__ = ["MessagesUnavailable", "Sender"]


class MessagesUnavailable(Unavailable):
    """The message could not be handed to the service that carries it."""

    code = "messages-unavailable"
    remedy = "Try again as Retry-After says."


# Checkable at run time, because Litestar checks what it injects.
@runtime_checkable
class Sender(Protocol):
    """Hands messages to whoever carries them. Implementations: backend.notifications.senders."""

    async def send(self, *, to: str, template: str, values: Mapping[str, str], language: str) -> None:
        """Hand over one message; returns when the carrier has taken it.

        Args:
            to: E.164 number.
            template: a name of backend.notifications.templates.
            values: what stands in the template's places.
            language: "zh-CN" or "en".

        Raises:
            MessagesUnavailable: the carrier cannot be reached or refuses.
        """
