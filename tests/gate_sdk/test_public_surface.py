import gate_sdk
from tests.gate_sdk.gate_process import script


def test_exported_names() -> None:
    assert gate_sdk.__all__ == [
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


def test_every_error_has_its_own_code_and_a_remedy() -> None:
    exported = [getattr(gate_sdk, name) for name in gate_sdk.__all__ if name.endswith("Error")]
    errors = [error for error in exported if issubclass(error, gate_sdk.GateError)]
    assert errors == exported
    assert len({error.code for error in errors}) == len(errors)
    assert all(error.remedy and str(error()) for error in errors)


def test_importing_the_sdk_loads_neither_numpy_nor_models() -> None:
    heavy = "{'numpy', 'onnxruntime', 'PIL', 'gate_sdk.face'}"
    code = f"import sys, gate_sdk, gate_sdk.testing, gate_sdk.commands.run; sys.exit(bool({heavy} & set(sys.modules)))"
    with script(code) as process:
        assert process.wait(300) == 0
