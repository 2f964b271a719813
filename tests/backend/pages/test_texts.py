"""What the pages say: every text in both languages, every refusal in words for people."""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from backend.kit.problems import Problem
from backend.notifications.kinds import Kind
from tests.backend.hostile import routes

_KEY = re.compile(r'^\s+"([^"]+)": "(.*)",$', re.MULTILINE)
_SAID = re.compile(r'"([a-z-]+)": \["([^"]+)", "([^"]+)"\]')
_CHINESE = re.compile("[\u4e00-\u9fff]")
_NAME = re.compile(r"\{(\w+)\}")
_SURFACES = ("/resident/v1", "/visitor/v1")


def script(name: str) -> str:
    return files("backend.pages").joinpath("assets", name).read_text("utf-8")


def scripts() -> Iterator[str]:
    for entry in files("backend.pages").joinpath("assets").iterdir():
        if entry.name.endswith(".js"):
            yield entry.read_text("utf-8")


def texts() -> dict[str, dict[str, str]]:
    return {
        name: {
            key: text for file in (f"texts-{end}.js", f"my-texts-{end}.js") for key, text in _KEY.findall(script(file))
        }
        for name, end in (("zh-CN", "zh"), ("en", "en"))
    }


def codes_on_routes() -> set[str]:
    """Every problem code that a route for people declares."""
    found: set[str] = set()
    for route in routes():
        if not route.path.startswith(_SURFACES):
            continue
        for response in route.document["paths"][route.path][route.method.lower()]["responses"].values():
            found |= response.get("content", {}).get("application/problem+json", {}).get("examples", {}).keys()
    return found


def codes_of_the_kit() -> set[str]:
    """What any route may answer without declaring it: limits, repeated requests, faults of the request."""

    def of(kind: type[Problem]) -> Iterator[type[Problem]]:
        yield kind
        for below in kind.__subclasses__():
            yield from of(below)

    return {one.code for one in of(Problem) if one.__module__.startswith("backend.kit.")}


def codes_with_words() -> set[str]:
    said = script("problems.js")
    return set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', said))


def test_every_code_that_people_can_be_refused_with_has_words() -> None:
    assert codes_on_routes() - codes_with_words() == set()


def test_no_words_are_kept_for_codes_that_nothing_answers_with() -> None:
    assert codes_with_words() - codes_on_routes() - codes_of_the_kit() - {"en"} == set()


def test_what_the_kit_refuses_on_any_route_has_words() -> None:
    # Nobody but staff has a second factor.
    assert codes_of_the_kit() - codes_with_words() == {"second-factor-required"}


@pytest.mark.parametrize("found", [_SAID.findall(script("problems.js"))])
def test_the_words_of_a_refusal_are_chinese_and_english(found: list[tuple[str, str, str]]) -> None:
    assert len(found) > 50
    for code, chinese, english in found:
        assert _CHINESE.search(chinese), code
        assert not _CHINESE.search(english), code


def test_both_languages_say_the_same_with_the_same_names() -> None:
    said = texts()
    assert said["zh-CN"].keys() == said["en"].keys()
    differing = {
        key for key, text in said["en"].items() if set(_NAME.findall(text)) != set(_NAME.findall(said["zh-CN"][key]))
    }
    assert differing == set()
    assert {key for key, text in said["en"].items() if _CHINESE.search(text)} == {"switch"}


def test_every_kind_of_notification_that_may_be_turned_off_has_a_name() -> None:
    said = texts()["en"].keys()
    assert {f"told.{kind}" for kind in Kind} - said == set()


def test_no_text_is_asked_for_that_there_is_not() -> None:
    said = texts()["en"].keys()
    plain = {key for text in scripts() for key in re.findall(r'\bt\("([^"]+)"', text)}
    assert plain - said == set()
    for text in scripts():
        for prefix in re.findall(r"\bt\(`([^`$]+)\$\{", text):
            assert any(key.startswith(prefix) for key in said), prefix


def test_no_text_is_there_that_nothing_says() -> None:
    together = "\n".join(scripts())
    prefixes = set(re.findall(r"`([a-z.]+\.)\$\{", together))
    unsaid = {
        key
        for key in texts()["en"]
        if len(re.findall(rf'"{re.escape(key)}"', together)) <= 2  # its own two lines
        and not any(key.startswith(prefix) for prefix in prefixes)
        and not re.search(rf"`\$\{{\w+\}}{re.escape('.' + key.rpartition('.')[2])}`", together)
    }
    assert unsaid == set()
