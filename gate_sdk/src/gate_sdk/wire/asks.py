"""Asking a home whether somebody may come in (MessagePack)."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

__all__ = ["ASK_S", "AskAnswer", "AskRequest", "AskState"]

# A telephone has to be found and read; whoever stands at the gate longer has rung the bell.
ASK_S = (1, 120)


class AskState(StrEnum):
    """Where a question stands. ``closed`` is final without an answer: its time is up, or there is no such right."""

    WAITING = "waiting"
    APPROVED = "approved"
    DENIED = "denied"
    CLOSED = "closed"


class AskRequest(msgspec.Struct, frozen=True):
    """A gate asks the home by whose leave somebody may come.

    ``approach`` is random for each approach: asked again, also after a lost answer, it is the same question, which
    nobody is told of twice and which keeps its first deadline. ``subject`` is the roster's pseudonym. ``for_s`` is for
    how many seconds the question stands, 1 to 120; ``wait`` for how many this request may wait for the answer, at most
    25.
    """

    approach: UUID
    subject: UUID
    for_s: Annotated[int, Meta(ge=ASK_S[0], le=ASK_S[1])]
    wait: Annotated[int, Meta(ge=0, le=25)] = 0


class AskAnswer(msgspec.Struct, frozen=True):
    """Where the question stands now. The gate is not told who answered."""

    state: AskState
