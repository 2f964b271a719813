from pathlib import Path

import msgspec
import pytest

from backend.settings import Settings, SettingsRefused, load_settings, settings_table

ROOT = Path(__file__).parents[2]


def test_the_page_of_settings_says_what_the_struct_says() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert settings_table() in page
    assert settings_table().count("| `DOORWARD_") == len(msgspec.structs.fields(Settings))


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DOORWARD_PORT=9000\nDOORWARD_LOG_LEVEL=DEBUG\n")
    settings = load_settings({"DOORWARD_PORT": "9001"}, env_file=file)
    assert (settings.port, settings.log_level) == (9001, "DEBUG")


@pytest.mark.parametrize(
    "name,value",
    [
        ("DOORWARD_PORT", "door"),
        ("DOORWARD_PORT", "70000"),
        ("DOORWARD_LOG_LEVEL", "LOUD"),
        ("DOORWARD_DATABASE_URL", "mysql://here"),
        ("DOORWARD_FACE_THREADS", "0"),
        ("DOORWARD_OTP_SENDER", "pigeon"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=name.removeprefix("DOORWARD_")):
        load_settings({name: value}, env_file=None)


def test_a_misspelt_name_is_refused_instead_of_ignored() -> None:
    with pytest.raises(SettingsRefused, match="DOORWARD_DATABSE_URL"):
        load_settings({"DOORWARD_DATABSE_URL": "postgresql://x/y"}, env_file=None)


def test_the_http_sender_needs_its_address() -> None:
    with pytest.raises(SettingsRefused, match="OTP_HTTP_URL"):
        load_settings({"DOORWARD_OTP_SENDER": "http"}, env_file=None)


def test_a_refusal_never_repeats_a_secret() -> None:
    with pytest.raises(SettingsRefused) as refused:
        load_settings({"DOORWARD_DATABASE_URL": "mysql://user:hunter2@db/x"}, env_file=None)
    assert "hunter2" not in str(refused.value)
