"""What of `infra/` can be held against the code without an account, a container engine or a network."""

import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from backend import worker
from backend.cli import command_line, serving
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
        ["terraform", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=600
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


def test_a_failover_of_the_database_has_no_task_replaced() -> None:
    # All would be unready at the same time. A standby of RDS takes over within two minutes.
    assert seconds("interval", file="balancer.tf") * seconds("unhealthy_threshold", file="balancer.tf") > 120


def test_the_alarm_for_slow_answers_can_go_off_and_long_polls_alone_do_not_set_it_off() -> None:
    alarms = (TERRAFORM / "modules/alarms/main.tf").read_text("utf-8")
    slow = re.search(r"api-slow = \{.*?threshold = (\d+)", alarms, re.DOTALL)
    assert slow is not None
    # What takes longer than the balancer waits is no answer any more.
    assert MAX_WAIT_S < int(slow[1]) < seconds("idle_timeout", file="balancer.tf")


def declared(kind: str, folder: Path) -> dict[str, str]:
    """Variables, outputs or modules that a folder declares, with what stands in them."""
    return {
        name: body
        for file in sorted(folder.glob("*.tf"))
        for name, body in re.findall(
            rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', file.read_text("utf-8"), re.MULTILINE | re.DOTALL
        )
    }


@pytest.mark.parametrize(
    "folder", sorted({file.parent for file in TERRAFORM.rglob("*.tf")}), ids=lambda path: path.name
)
def test_modules_are_given_what_they_take_and_asked_for_what_they_give(folder: Path) -> None:
    text = "\n".join(file.read_text("utf-8") for file in folder.glob("*.tf"))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(declared("variable", folder))
    modules = declared("module", folder)
    for name, body in modules.items():
        source = re.search(r'source\s*= "([^"]+)"', body)
        assert source is not None
        takes = declared("variable", folder / source[1])
        given = set(re.findall(r"^  (\w+)\s*=", body, re.MULTILINE)) - {"source"}
        assert given <= set(takes), name
        assert {one for one, said in takes.items() if "default" not in said} <= given, name
        asked = set(re.findall(rf"\bmodule\.{name}\.(\w+)", text))
        assert asked <= set(declared("output", folder / source[1])), name
    assert set(re.findall(r"\bmodule\.(\w+)", text)) <= set(modules)


def test_the_run_of_the_migration_task_that_is_written_down_is_a_command_of_a_container_that_there_is() -> None:
    found = re.search(r"--overrides '(\{.*\})'", (TERRAFORM / "README.md").read_text("utf-8"))
    assert found is not None
    (override,) = msgspec.json.decode(found[1])["containerOverrides"]
    assert command_line().parse_args(override["command"]).pre
    sizes = re.search(r"sizes = \{(.*?)\n  \}", (TERRAFORM / "modules/service/main.tf").read_text("utf-8"), re.DOTALL)
    assert sizes is not None
    assert override["name"] in re.findall(r"^    (\w+) ", sizes[1], re.MULTILINE)


def test_what_moves_the_schema_in_a_container_speaks_to_a_database_without_tls() -> None:
    # dbmate insists on TLS with whoever is not on this machine, and the image of the database has none.
    assert "@database:5432/postgres?sslmode=disable" in (DOCKER / "compose.yaml").read_text("utf-8")


def test_nobody_runs_as_root_or_writes_to_the_image() -> None:
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["services"]
    ours = {name: service for name, service in services.items() if str(service["image"]).startswith("doorward")}
    assert set(ours) == {"provision", "migrate", "after-restore", "api", "worker"}
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
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    skips = [
        line for file in TERRAFORM.rglob("*.tf") for line in file.read_text("utf-8").splitlines() if ":skip=" in line
    ]
    assert skips
    for line in skips:
        assert re.fullmatch(r"\s*#checkov:skip=CKV\w+:.{20,}", line), line
