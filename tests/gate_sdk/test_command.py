"""The command `doorward-gate` as a process and as a function."""

import subprocess
import sys
from pathlib import Path

import pytest

from gate_sdk.__main__ import main
from tests import data


def test_help_needs_no_numpy() -> None:
    code = (
        "import sys\n"
        "from gate_sdk.__main__ import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    loaded = {'numpy', 'onnxruntime', 'PIL'} & set(sys.modules)\n"
        "    assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "models" in done.stdout
    assert "evaluate" in done.stdout


def test_without_the_face_extra_the_command_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['numpy'] = None\n"
        "from gate_sdk.__main__ import main\n"
        "sys.exit(main(['models', 'list']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert "doorward-gate[face]" in done.stderr


def test_install_list_verify_and_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = ["--cache", str(tmp_path / "models")]
    assert main(["models", *cache, "install"]) == 0
    assert main(["models", *cache, "install"]) == 0
    assert main(["models", *cache, "list"]) == 0
    assert main(["models", *cache, "verify"]) == 0
    out = capsys.readouterr().out
    assert "yunet-sface-1: whole" in out
    assert "licences Apache-2.0, MIT" in out


def test_verify_names_what_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "models"
    assert main(["models", "--cache", str(cache), "verify"]) == 1
    assert "pack_missing" in capsys.readouterr().err
    assert main(["models", "--cache", str(cache), "install"]) == 0
    (cache / "yunet-sface-1" / "yunet.onnx").write_bytes(b"something else")
    assert main(["models", "--cache", str(cache), "verify"]) == 1
    assert "yunet.onnx" in capsys.readouterr().err
    assert main(["models", "--cache", str(cache), "install"]) == 0
    assert main(["models", "--cache", str(cache), "verify", "yunet-sface-1"]) == 0


def test_add_takes_a_folder_and_refuses_a_wrong_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = ["--cache", str(tmp_path / "models")]
    assert main(["models", *cache, "add", str(data.default_pack().folder)]) == 0
    assert main(["models", *cache, "add", str(tmp_path)]) == 1
    assert "manifest.json" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["models"], ["nonsense"], ["evaluate"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err
