"""What can go wrong at a gate, one class per failure.

GateError
├── NotProvisionedError         the data directory holds no gate
├── AlreadyProvisionedError     it holds one already
├── ProvisionRefusedError       the server did not accept the claim code
├── DataDirBusyError            another process uses the data directory
├── GateClosedError             this client is closed, or another process's
├── DeviceKeyUnreadableError    the gate's own identity cannot be opened
├── GateRevokedError            the community took this gate out of service
├── LivenessMissingError        unattended, but nothing tells a face from a picture of one
├── RecognitionMissingError     the face extra or the model pack is not installed
├── CodeReaderMissingError      the qr extra is not installed
├── StorageError                the data directory cannot be written
├── InsecureUrlError            templates would travel in clear
├── ServerError                 a request did not succeed
│   ├── UnreachableError        no answer at all
│   ├── UnavailableError        the server asks to come back later
│   ├── NotAuthorizedError      the server does not know this device key
│   ├── RosterDivergedError     the server says that our roster is not its roster
│   ├── RequestRefusedError     any other refusal
│   └── UnreadableAnswerError   an answer this SDK cannot read
└── RosterRefusedError          the server's roster must not be believed
    ├── WrongSignatureError
    ├── WrongCommunityError
    ├── RollbackError
    ├── HeadExpiredError
    └── DigestMismatchError

``decide`` and ``observe`` never raise these for what a camera sees or a network does: those are decisions and states.
"""

from typing import ClassVar

__all__ = [
    "AlreadyProvisionedError",
    "CodeReaderMissingError",
    "DataDirBusyError",
    "DeviceKeyUnreadableError",
    "DigestMismatchError",
    "GateClosedError",
    "GateError",
    "GateRevokedError",
    "HeadExpiredError",
    "InsecureUrlError",
    "LivenessMissingError",
    "NotAuthorizedError",
    "NotProvisionedError",
    "ProvisionRefusedError",
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
    "WrongCommunityError",
    "WrongSignatureError",
]


class GateError(Exception):
    """Something failed that the gate's software or its installer must handle.

    ``code`` is stable, for programs; ``remedy`` says what to do, for people.
    """

    code: ClassVar[str] = "gate-error"
    remedy: str = "Look at the gate's log."

    def __init__(self, detail: str | None = None, *, remedy: str | None = None) -> None:
        super().__init__(detail or (type(self).__doc__ or "").strip().splitlines()[0])
        if remedy is not None:
            self.remedy = remedy


class NotProvisionedError(GateError):
    """The data directory holds no gate."""

    code = "not-provisioned"
    remedy = "Run `doorward-gate provision URL CODE --data DIR` with a claim code from the community's staff."


class AlreadyProvisionedError(GateError):
    """The data directory holds a gate already."""

    code = "already-provisioned"
    remedy = "Use this gate as it is, or provision into another directory."


class ProvisionRefusedError(GateError):
    """The server did not accept the claim code."""

    code = "provision-refused"
    remedy = "Ask the community's staff for a new claim code."


class DataDirBusyError(GateError):
    """Another process uses this data directory."""

    code = "data-dir-busy"
    remedy = "Stop the other process, or give each gate a directory of its own."


class GateClosedError(GateError):
    """This client is closed."""

    code = "gate-closed"
    remedy = "Open another GateClient, in the process that uses it: it does not outlive close(), nor a fork."


class DeviceKeyUnreadableError(GateError):
    """The gate's identity cannot be opened with the keys at hand."""

    code = "device-key-unreadable"
    remedy = "Give the key provider the key this gate was provisioned with, or provision it anew."


class GateRevokedError(GateError):
    """The community took this gate out of service; its roster and keys were erased."""

    code = "gate-revoked"
    remedy = "Provision again, with a new claim code and into an empty directory."


class LivenessMissingError(GateError):
    """Nothing here tells a face from a picture of one, so the gate does not open unattended."""

    code = "liveness-missing"
    remedy = (
        'Add a liveness model (`doorward-gate models liveness`), or say liveness="off" where a picture of a face may '
        "open; or run with unattended=False where somebody watches the gate."
    )


class RecognitionMissingError(GateError):
    """This installation cannot recognise faces."""

    code = "recognition-missing"
    remedy = "Run `pip install 'doorward-gate[face,models]'`, then `doorward-gate models install`."


class CodeReaderMissingError(GateError):
    """This installation cannot read QR codes off frames."""

    code = "code-reader-missing"
    remedy = "Run `pip install 'doorward-gate[qr]'`, or pass the texts of a reader of your own to decide_qr."


class StorageError(GateError):
    """The gate's data directory cannot be read or written."""

    code = "storage"
    remedy = "Check that the disk is present, writable and not full."


class InsecureUrlError(GateError):
    """The address is plain http on a network, where templates would travel in clear."""

    code = "insecure-url"
    remedy = "Use https, or allow plain http explicitly for a closed network."


class ServerError(GateError):
    """A request to the server did not succeed.

    ``status`` is the HTTP status, or ``None`` without an answer; ``problem`` the type of the server's problem document.
    """

    code = "server"
    remedy = "The gate tries again by itself."

    def __init__(
        self,
        detail: str | None = None,
        *,
        status: int | None = None,
        problem: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(detail, remedy=remedy)
        self.status = status
        self.problem = problem


class UnreachableError(ServerError):
    """The server did not answer."""

    code = "unreachable"
    remedy = "Check the address and the gate's network; a gate that has a roster decides by it until then."


class UnavailableError(ServerError):
    """The server asks to come back later; ``retry_after`` in seconds where it says when."""

    code = "unavailable"

    def __init__(
        self,
        detail: str | None = None,
        *,
        status: int | None = None,
        problem: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail, status=status, problem=problem)
        self.retry_after = retry_after


class NotAuthorizedError(ServerError):
    """The server does not accept this device's key."""

    code = "not-authorized"
    remedy = "Check the gate's clock; if it is right, ask the staff whether this gate still exists."


class RosterDivergedError(ServerError):
    """The server says that the gate's roster is not what it sent; the gate starts again from nothing."""

    code = "roster-diverged"


class RequestRefusedError(ServerError):
    """The server refused a request."""

    code = "request-refused"


class UnreadableAnswerError(ServerError):
    """The server's answer is not what the protocol says."""

    code = "unreadable-answer"
    remedy = "Check the address: it must be a Doorward server's, not a login page of the network."


class RosterRefusedError(GateError):
    """What came as a roster must not be believed; the gate keeps what it had."""

    code = "roster-refused"
    remedy = "Tell the community's staff: somebody may stand between this gate and its server."


class WrongSignatureError(RosterRefusedError):
    """The head was not signed by the key this gate was provisioned with."""

    code = "wrong-signature"


class WrongCommunityError(RosterRefusedError):
    """The head is another community's."""

    code = "wrong-community"


class RollbackError(RosterRefusedError):
    """The head is older than one this gate has seen."""

    code = "rollback"


class HeadExpiredError(RosterRefusedError):
    """The head is older than any that a server would send, or the gate's clock is days ahead."""

    code = "head-expired"
    remedy = "Check the gate's clock; if it is right, somebody may stand between this gate and its server."


class DigestMismatchError(RosterRefusedError):
    """The entries are not those that the head was signed for."""

    code = "digest-mismatch"
