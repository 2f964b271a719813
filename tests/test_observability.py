"""Dashboard, alert rules and service levels, held against what the code counts and what the runbook says."""

import importlib
import json
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

import backend
from backend.kit.metrics import REGISTRY
from backend.measures.service import GAUGES
from tests.backend.kit.test_metrics import LABELS

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


def labels_of(name: str) -> frozenset[str]:
    """The labels of a series; gauges have none."""
    if name in GAUGES:
        return frozenset()
    own = cast("MetricWrapperBase", REGISTRY._names_to_collectors[name])._labelnames
    return frozenset(own) | ({"le"} if name.endswith("_bucket") else frozenset())


def amiss(expression: str, legend: str = "") -> list[str]:
    """What an expression asks of a series by a label, or a value of it, that the series has not."""
    wrong = []
    grouped = {one.strip() for names in re.findall(r"\bby \(([^)]*)\)", expression) for one in names.split(",")}
    for name, selector in re.findall(r"\b(doorward_\w+)(\{[^}]*\})?", expression):
        asked = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', selector)
        wrong += [
            f"{name} by {one}" for one in {label for label, _, _ in asked} | grouped if one not in labels_of(name)
        ]
        wrong += [
            f"{name} of {label} {value}"
            for label, _, value in asked
            if label in LABELS and not any(re.fullmatch(value, known) for known in LABELS[label])
        ]
    return wrong + [f"legend {one}" for one in re.findall(r"\{\{(\w+)\}\}", legend) if one not in grouped]


def test_series_are_asked_by_labels_and_values_that_they_have() -> None:
    assert series()
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    assert not [wrong for expression in expressions() for wrong in amiss(expression)]
    assert not [
        wrong for panel in panels for one in panel["targets"] for wrong in amiss(one["expr"], one["legendFormat"])
    ]


@pytest.mark.parametrize(
    "expression,legend,said",
    [
        ('sum(rate(doorward_requests_total{outcome="refused"}[5m]))', "", "doorward_requests_total by outcome"),
        ("sum by (route) (rate(doorward_otp_total[5m]))", "", "doorward_otp_total by route"),
        ('max(doorward_jobs_waiting{surface="gate"})', "", "doorward_jobs_waiting by surface"),
        ('rate(doorward_otp_total{outcome="denied"}[5m])', "", "doorward_otp_total of outcome denied"),
        ('rate(doorward_requests_total{status=~"6.."}[5m])', "", "doorward_requests_total of status 6.."),
        ("sum by (outcome) (rate(doorward_otp_total[5m]))", "{{route}}", "legend route"),
    ],
)
def test_a_label_that_a_series_has_not_is_found(expression: str, legend: str, said: str) -> None:
    assert series()
    assert amiss(expression, legend) == [said]


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
    texts = (*expressions(), SLO.read_text("utf-8"))
    asked = {found for text in texts for found in re.findall(r'(doorward_\w+_bucket)\{le="([0-9.]+)"\}', text)}
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
    asked = set(re.findall(r'"(doorward_\w+)"', text))
    assert asked
    assert asked <= series()
    # What the collector does not hand on, CloudWatch never sees: an alarm on it sleeps, or never does.
    wired = (ROOT / "infra/terraform/modules/deployment/main.tf").read_text("utf-8")
    scaled = (ROOT / "infra/terraform/modules/service/scaling.tf").read_text("utf-8")
    asked |= set(re.findall(r'"(doorward_\w+)"', scaled))
    assert set(re.findall(r'"\^(doorward_\w+)\$"', wired)) == asked
