"""The protocol between gates and the server: structs, hashes and signatures, and nothing that does I/O.

Shared by the SDK and the backend. Needs msgspec and cryptography only, never numpy.
"""

from gate_sdk.wire.decision import Outcome, Reason
from gate_sdk.wire.device import (
    ASSERTION_TTL_S,
    ASSERTION_TYPE,
    Acknowledged,
    ProvisionRequest,
    ProvisionResponse,
    TokenRequest,
    TokenResponse,
    provision_statement,
)
from gate_sdk.wire.events import MAX_BATCH, EventBatch, EventKind, EventReceipt, GateEvent
from gate_sdk.wire.head import BadSignature, Head, Policy, ServerKey, SignedHead, sign_head, verify_head
from gate_sdk.wire.roster import (
    GrantKind,
    RosterEntry,
    RosterGrant,
    TemplateRef,
    decode_entry,
    entry_hash,
    roster_digest,
)
from gate_sdk.wire.sync import PageKind, SyncItem, SyncPage

__all__ = [
    "ASSERTION_TTL_S",
    "ASSERTION_TYPE",
    "MAX_BATCH",
    "Acknowledged",
    "BadSignature",
    "EventBatch",
    "EventKind",
    "EventReceipt",
    "GateEvent",
    "GrantKind",
    "Head",
    "Outcome",
    "PageKind",
    "Policy",
    "ProvisionRequest",
    "ProvisionResponse",
    "Reason",
    "RosterEntry",
    "RosterGrant",
    "ServerKey",
    "SignedHead",
    "SyncItem",
    "SyncPage",
    "TemplateRef",
    "TokenRequest",
    "TokenResponse",
    "decode_entry",
    "entry_hash",
    "provision_statement",
    "roster_digest",
    "sign_head",
    "verify_head",
]
