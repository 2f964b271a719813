"""Doorward's gate SDK: syncs a community's roster to a gate and decides locally, with or without a network.

Importing this loads no numpy; recognition is loaded with the first frame. Runs on Linux and macOS.
"""

from gate_sdk._decision import Decision
from gate_sdk._status import GateState, GateStatus
from gate_sdk.client import GateClient
from gate_sdk.errors import (
    AlreadyProvisionedError,
    CodeReaderMissingError,
    DataDirBusyError,
    DeviceKeyUnreadableError,
    DigestMismatchError,
    GateClosedError,
    GateError,
    GateRevokedError,
    HeadExpiredError,
    InsecureUrlError,
    LivenessMissingError,
    NotAuthorizedError,
    NotProvisionedError,
    ProvisionRefusedError,
    RecognitionMissingError,
    RequestRefusedError,
    RollbackError,
    RosterDivergedError,
    RosterRefusedError,
    ServerError,
    StorageError,
    UnavailableError,
    UnreachableError,
    UnreadableAnswerError,
    WrongCommunityError,
    WrongSignatureError,
)
from gate_sdk.keys import EnvironmentKeyProvider, FileKeyProvider, KeyProvider
from gate_sdk.wire import Emergency, EmergencyMode, Outcome, Reason, Via

__all__ = [
    "AlreadyProvisionedError",
    "CodeReaderMissingError",
    "DataDirBusyError",
    "Decision",
    "DeviceKeyUnreadableError",
    "DigestMismatchError",
    "Emergency",
    "EmergencyMode",
    "EnvironmentKeyProvider",
    "FileKeyProvider",
    "GateClient",
    "GateClosedError",
    "GateError",
    "GateRevokedError",
    "GateState",
    "GateStatus",
    "HeadExpiredError",
    "InsecureUrlError",
    "KeyProvider",
    "LivenessMissingError",
    "NotAuthorizedError",
    "NotProvisionedError",
    "Outcome",
    "ProvisionRefusedError",
    "Reason",
    "RecognitionMissingError",
    "RequestRefusedError",
    "RollbackError",
    "RosterDivergedError",
    "RosterRefusedError",
    "ServerError",
    "StorageError",
    "UnavailableError",
    "UnreachableError",
    "UnreadableAnswerError",
    "Via",
    "WrongCommunityError",
    "WrongSignatureError",
]
