"""Dashboard, alert rules and service levels, held against what the code counts and what the runbook says."""

import importlib
import json
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric

import backend
from backend.kit.metrics import REGISTRY
from backend.measures.service import GAUGES

ROOT = Path(__file__).parents[1]
ALERTS = ROOT / "infra/observability/alerts.yaml"
DASHBOARD = ROOT / "infra/observability/dashboard.json"
SLO = ROOT / "docs/slo.md"
FUNCTIONS = {
    *("sum", "max", "by", "rate", "increase", "histogram_quantile", "absent", "and", "topk", "avg_over_time", "le"),
    *("surface", "route", "status", "outcome"),
}


@cache
def series() -> frozenset[str]:
    """Every name that a page of ours may show."""
    for module in pkgutil.walk_packages(backend.__path__, "backend."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    names = set(GAUGES)
    families: list[Metric] = list(REGISTRY.collect())
    for family in families:
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}[family.type]
        names |= {family.name + suffix for suffix in suffixes}
    return frozenset(names)


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [
        *(rule["expr"] for rule in alerts()),
        *(target["expr"] for panel in panels for target in panel["targets"]),
        *re.findall(r"```\n(.*?)```", SLO.read_text("utf-8"), re.DOTALL),
    ]


@pytest.mark.parametrize("expression", expressions(), ids=lambda text: re.sub(r"\W+", "-", text)[:60])
def test_what_is_asked_of_prometheus_is_something_that_the_code_shows(expression: str) -> None:
    plain = re.sub(r'"[^"]*"|\[[^\]]*\]', " ", expression)
    words = set(re.findall(r"[a-z_]{2,}", plain))
    assert {word for word in words if word.startswith("doorward_")} <= series()
    assert words - FUNCTIONS - series() == set()
    assert plain.count("(") == plain.count(")")
    assert plain.count("{") == plain.count("}")


def test_every_bucket_that_is_asked_for_exists() -> None:
    assert series()
    buckets = {
        (sample.name, sample.labels["le"])
        for name in ("doorward_photo_check_seconds", "doorward_revocation_seconds")
        for family in REGISTRY.collect()
        if family.name == name
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    asked = {found for text in expressions() for found in re.findall(r'(doorward_\w+_bucket)\{le="([0-9.]+)"\}', text)}
    assert asked
    assert asked <= buckets


def test_every_alert_leads_to_a_chapter_of_the_runbook_that_exists() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/runbook.md").read_text("utf-8"), re.MULTILINE)
    chapters = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len({rule["alert"] for rule in alerts()}) == len(alerts())
    for rule in alerts():
        page, _, chapter = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbook.md"
        assert chapter in chapters, rule["alert"]
        assert re.fullmatch(r"\d+[mh]", rule["for"])
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_chapters_that_terraforms_alarms_name_exist() -> None:
    text = (ROOT / "infra/terraform/modules/alarms/main.tf").read_text("utf-8")
    headings = set(re.findall(r"^## (.+)$", (ROOT / "docs/runbook.md").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"Runbook: ([^.]+)\.", text))
    assert named
    assert named <= headings
    assert set(re.findall(r'"(doorward_\w+)"', text)) <= series()
