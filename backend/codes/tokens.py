"""Rules of visitors' tokens: one for each pass, signed anew when the pass changes, and how often each was used."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.access.windows import Window, present
from backend.codes import repository
from backend.codes.errors import TokenSpent
from backend.codes.repository import TokenRow
from backend.keys.service import SigningKey
from backend.kit.db import Connection
from gate_sdk.wire import GateEvent, GrantKind, UseAnswer, UseClaim, VisitorCode, encode_visitor, sign_visitor

__all__ = ["count_told", "count_use", "named", "token_of_pass"]

# A head that is issued while a token is being committed does not know of it yet.
_SLACK = timedelta(seconds=5)
_TOKEN_ID = re.compile("[0-9a-f]{16}")


async def token_of_pass(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    pass_id: UUID,
    valid_from: datetime,
    valid_until: datetime,
    uses: int,
    key: SigningKey,
    now: datetime,
    known_only: bool = False,
) -> str:
    """The text of a pass's code, the same each time; another one only once the pass was changed.

    Args:
        conn: a transaction in the community's scope.
        community_id: the community.
        subject_id: the guest, who has accepted.
        pass_id: the pass.
        valid_from: of the pass.
        valid_until: of the pass.
        uses: how often in all; 0 has no limit.
        key: the community's server key. Fetched before: nothing slow happens while the roster is held.
        now: the present.
        known_only: whether only gates that have heard of it may open, since its window has gaps.

    Raises:
        TokenSpent: it was changed after it had been used as often as it now may.
    """
    wanted = TokenRow(
        token_id=secrets.token_bytes(8),
        subject_id=subject_id,
        pass_id=pass_id,
        valid_from=valid_from,
        valid_until=valid_until,
        # Gates hear of a guest a while before his window, and until then they cannot know his token either.
        known_since=max(now, present(GrantKind.GUEST, Window(valid_from, valid_until), now=now).begin) + _SLACK,
        uses=uses,
    )
    row = await repository.get_token_of_pass(conn, community_id=community_id, pass_id=pass_id)
    if row is None or _changed(row, wanted):
        await roster.roster_hold(conn)
        row = await repository.get_token_of_pass(conn, community_id=community_id, pass_id=pass_id)
        if row is None or _changed(row, wanted):
            row = await _replace(conn, community_id=community_id, before=row, wanted=wanted, now=now)
    # A gate that has not heard of a token cannot know its doors, nor whom it has to ask first. Where that matters it
    # has to have heard: known since ever.
    limited = known_only or await repository.is_conditional(conn, community_id=community_id, pass_id=pass_id)
    code = VisitorCode(
        token_id=row.token_id,
        from_s=int(row.valid_from.timestamp()),
        until_s=int(row.valid_until.timestamp()),
        # Up: never earlier than the roster that names it.
        since_s=0 if limited else int(row.known_since.timestamp()) + 1,
        uses=row.uses,
    )
    return encode_visitor(sign_visitor(code, community=community_id, key=key.private))


async def count_use(
    conn: Connection, *, community_id: UUID, gate_id: UUID, claim: UseClaim, now: datetime
) -> UseAnswer:
    """Count one use of a token across the community's gates; repeating the same use gives the same answer.

    A token that is not there any more has no uses left.
    """
    row = await repository.get_token(conn, community_id=community_id, token_id=claim.token_id, lock=True)
    if row is None:
        return UseAnswer(allowed=False, left=0)
    others = await repository.count_uses(conn, community_id=community_id, token_id=claim.token_id, without=claim.use)
    if row.uses and others >= row.uses:
        return UseAnswer(allowed=False, left=0)
    await repository.insert_use(
        conn, community_id=community_id, token_id=claim.token_id, use_id=claim.use, gate_id=gate_id, at=now
    )
    return UseAnswer(allowed=True, left=max(0, row.uses - others - 1))


async def count_told(
    conn: Connection, *, community_id: UUID, gate_id: UUID, events: Sequence[GateEvent], now: datetime
) -> None:
    """Count uses that a gate let in by itself and tells of now; each once, and also beyond the limit: it happened."""
    for event in events:
        kind, _, number = (event.credential or "").partition(":")
        if event.use is None or kind != "token" or _TOKEN_ID.fullmatch(number) is None:
            continue
        await repository.insert_use(
            conn,
            community_id=community_id,
            token_id=bytes.fromhex(number),
            use_id=event.use,
            gate_id=gate_id,
            at=now,
        )


async def named(conn: Connection, *, community_id: UUID, events: Sequence[GateEvent]) -> list[GateEvent]:
    """The events, with the guest where a gate let a token in that it had not heard of, and so could not name him."""
    found = []
    for event in events:
        kind, _, number = (event.credential or "").partition(":")
        if event.subject is None and kind == "token" and _TOKEN_ID.fullmatch(number) is not None:
            token = await repository.get_token(conn, community_id=community_id, token_id=bytes.fromhex(number))
            found.append(event if token is None else msgspec.structs.replace(event, subject=token.subject_id))
        else:
            found.append(event)
    return found


def _changed(row: TokenRow, wanted: TokenRow) -> bool:
    return (row.valid_from, row.valid_until, row.subject_id) != (
        wanted.valid_from,
        wanted.valid_until,
        wanted.subject_id,
    )


async def _replace(
    conn: Connection, *, community_id: UUID, before: TokenRow | None, wanted: TokenRow, now: datetime
) -> TokenRow:
    uses = wanted.uses
    if before is not None:
        if uses:
            # What is signed anew carries only what is left: gates count each token by itself.
            uses -= await repository.count_uses(conn, community_id=community_id, token_id=before.token_id)
            if uses <= 0:
                raise TokenSpent
        await repository.delete_token(conn, community_id=community_id, token_id=before.token_id)
    return await repository.insert_token(
        conn,
        community_id=community_id,
        subject_id=wanted.subject_id,
        pass_id=wanted.pass_id,
        token_id=wanted.token_id,
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
        known_since=wanted.known_since,
        uses=uses,
        now=now,
    )
