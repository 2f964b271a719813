"""Signing the chains' heads, once a day. The worker's."""

from datetime import UTC, date, datetime
from uuid import UUID

import structlog

from backend.audit import repository
from backend.audit.chain import GENESIS, first_fault
from backend.audit.heads import SignedHead, head_of, is_genuine, sign_head
from backend.audit.repository import AuditHeadRow, CheckpointRow
from backend.keys.service import Keys, SigningKey
from backend.kit.db import Connection, Database, Scope

__all__ = ["sign_heads", "signed"]

_log = structlog.get_logger(__name__)
_CHAINS = 200
_PAGE = 1000


async def sign_heads(db: Database, keys: Keys, *, now: datetime) -> int:
    """Sign where every chain ends, unless it was signed today (in UTC); how many.

    A head is signed only if every entry since the last signed one follows from it: a signature is not to cover what was
    changed since. Repeating is harmless; what a killed worker did not reach is the next one's, chain by chain.
    """
    day = now.astimezone(UTC).date()
    key: SigningKey | None = None
    done, after = 0, None
    while True:
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            chains = await repository.list_unsigned_chains(conn, day=day, after=after, limit=_CHAINS)
        if not chains:
            return done
        if key is None:
            # Outside transactions: the key store is another database, and the key may be made at this moment.
            trusted = await keys.audit_keys()
            key = trusted[0]
        for chain in chains:
            try:
                done += await _sign(db, key, trusted, chain=chain, day=day, now=now)
            except Exception as error:  # noqa: BLE001 - one chain's failure must not keep the others unsigned
                _log.error("audit-head-not-signed", chain=str(chain), error=type(error).__name__)
        after = chains[-1]


def signed(row: CheckpointRow) -> SignedHead:
    """The row as it is handed out."""
    head = head_of(row.community_id, day=row.day, seq=row.seq, hash_=row.hash, signed_at=row.signed_at)
    return SignedHead.of(head, kid=row.kid, signature=row.signature)


async def _sign(
    db: Database, key: SigningKey, trusted: tuple[SigningKey, ...], *, chain: UUID, day: date, now: datetime
) -> bool:
    async with db.transaction(Scope(platform=True), isolation="REPEATABLE READ", read_only=True) as conn:
        last = await repository.get_last_checkpoint(conn, community_id=chain)
        head = await repository.get_head(conn, community_id=chain)
        if head is None:
            return False
        broken_at = await _broken_since(conn, chain, last, head, trusted)
    if broken_at is not None:
        _log.error("audit-chain-broken", chain=str(chain), seq=broken_at)
        return False
    # The last one's day may be ahead where the machine's clock was.
    if last is not None and last.day >= day:
        return False
    made = head_of(chain, day=day, seq=head.seq, hash_=head.hash, signed_at=now)
    row = CheckpointRow(chain, day, head.seq, head.hash, made.signed_at, key.kid, sign_head(made, key))
    async with db.transaction(Scope(platform=True)) as conn:
        return await repository.insert_checkpoint(conn, row)


async def _broken_since(
    conn: Connection,
    chain: UUID,
    last: CheckpointRow | None,
    head: AuditHeadRow,
    trusted: tuple[SigningKey, ...],
) -> int | None:
    """The first entry since the last signed head that does not follow from it; None where all do, up to the head."""
    seq, previous = 0, GENESIS
    if last is not None:
        public = {key.kid: key.private.public_key() for key in trusted}
        known = await repository.get_entry_hash(conn, community_id=chain, seq=last.seq)
        if known != last.hash or not is_genuine(signed(last), public):
            return last.seq
        seq, previous = last.seq, last.hash
    while rows := await repository.list_after(conn, community_id=chain, seq=seq, limit=_PAGE):
        fault = first_fault(chain, rows, after_seq=seq, after_hash=previous)
        if fault is not None:
            return fault.seq
        seq, previous = rows[-1].seq, rows[-1].hash
    return None if (seq, previous) == (head.seq, head.hash) else min(seq, head.seq) + 1
