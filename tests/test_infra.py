"""What of `infra/` can be held against the code without an account, a container engine or a network."""

import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from backend import worker
from backend.cli import serving
from backend.embedded import children
from backend.gates.sync import MAX_WAIT_S
from backend.kit.patience import GRACE_S
from backend.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
TERRAFORM = ROOT / "infra" / "terraform"
DOCKER = ROOT / "infra" / "docker"
SETTINGS = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="NO TERRAFORM HERE: infra/ is unchecked")


def terraform(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["terraform", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )  # fmt: skip


@needs_terraform
def test_every_file_has_terraforms_own_format() -> None:
    checked = terraform("fmt", "-check", "-recursive", "-diff", folder=TERRAFORM)
    assert checked.returncode == 0, checked.stdout


@needs_terraform
@pytest.mark.parametrize("module", ["names", "policies"])
def test_modules_without_a_provider_keep_their_promises(module: str, tmp_path: Path) -> None:
    # A copy: `init` writes beside the files.
    folder = tmp_path / module
    shutil.copytree(TERRAFORM / "modules" / module, folder)
    begun = terraform("init", "-backend=false", "-input=false", "-no-color", folder=folder)
    assert begun.returncode == 0, begun.stderr
    tested = terraform("test", "-no-color", folder=folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "Success!" in tested.stdout


@pytest.mark.parametrize(
    "file",
    [
        *sorted(TERRAFORM.rglob("*.tf")),
        DOCKER / "Dockerfile",
        DOCKER / "compose.yaml",
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_setting_that_is_handed_to_a_process_is_one_that_it_reads(file: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z0-9_]+\b", file.read_text("utf-8")))
    assert named <= SETTINGS


def test_every_secret_that_a_task_is_given_has_a_place() -> None:
    given = re.search(r"secrets = \{(.*?)\n  \}", (TERRAFORM / "modules/service/main.tf").read_text("utf-8"), re.DOTALL)
    kept = re.search(r"settings = \[(.*?)\]", (TERRAFORM / "modules/deployment/main.tf").read_text("utf-8"), re.DOTALL)
    assert given is not None
    assert kept is not None
    assert set(re.findall(r'"(\w+)"', given[1])) == set(re.findall(r'"(\w+)"', kept[1]))


def test_staging_and_production_differ_in_sizes_alone() -> None:
    def plain(root: str) -> str:
        text = (TERRAFORM / root / "main.tf").read_text("utf-8").replace(root, "ROOT")
        return re.sub(r"  sizes = \{.*?\n  \}\n", "", text, flags=re.DOTALL)

    assert plain("staging") == plain("production")
    assert (TERRAFORM / "staging/variables.tf").read_text() == (TERRAFORM / "production/variables.tf").read_text()


def seconds(name: str, *, file: str) -> int:
    """The one number of that name in the module of the service."""
    (found,) = re.findall(
        rf"^ *{name} *= (\d+)$", (TERRAFORM / "modules/service" / file).read_text("utf-8"), re.MULTILINE
    )
    return int(found)


def test_the_balancer_and_not_the_api_ends_idle_connections() -> None:
    idle = seconds("idle_timeout", file="balancer.tf")
    # Else the API ends one at the moment at which the balancer sends a request on it: 502.
    assert idle < serving.IDLE_S
    # Nor does the balancer end what the API still waits for: a gate's poll, or a body, which the API refuses by name.
    assert max(MAX_WAIT_S, GRACE_S) + 5 <= idle


def test_a_task_that_ends_has_the_time_that_its_requests_may_take() -> None:
    # First no new requests come, then SIGTERM, then SIGKILL.
    assert seconds("deregistration_delay", file="balancer.tf") > MAX_WAIT_S
    longest = max(serving.END_S, worker.END_S)
    assert seconds("stopTimeout", file="main.tf") >= longest + 10
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["services"]
    for name in ("api", "worker"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) >= longest + 10
    assert longest + 10 <= children.GRACE_S


def test_nobody_runs_as_root_or_writes_to_the_image() -> None:
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["services"]
    ours = {name: service for name, service in services.items() if str(service["image"]).startswith("doorward")}
    assert set(ours) == {"provision", "migrate", "api", "worker"}
    for service in ours.values():
        assert service["read_only"] is True
        assert service["user"] == "10001:10001"
        assert service["cap_drop"] == ["ALL"]
    last_stage = (DOCKER / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in last_stage


@pytest.mark.deep
def test_checkov_finds_nothing_without_a_reason() -> None:
    checkov = ROOT / ".venv-infra" / "bin" / "checkov"
    if not checkov.exists():
        pytest.skip("NO CHECKOV HERE (make infra-tools): infra/ is unchecked by it")
    checked = subprocess.run(
        [checkov, "--directory", str(ROOT / "infra"),
         "--framework", "terraform", "dockerfile", "--quiet", "--compact", "--skip-download"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    skips = [
        line for file in TERRAFORM.rglob("*.tf") for line in file.read_text("utf-8").splitlines() if ":skip=" in line
    ]
    assert skips
    for line in skips:
        assert re.fullmatch(r"\s*#checkov:skip=CKV\w+:.{20,}", line), line
