"""The dashboard and the alerts of `deploy/` ask for metrics and labels that a server exposes, and for no others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from modelyard_serving.metrics.cells import Outcome
from modelyard_serving.metrics.exposition import expose
from modelyard_serving.metrics.recorder import Recorder
from modelyard_serving.metrics.shared_memory import SharedMetrics, make_metrics_file

DEPLOY = Path(__file__).parents[4] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "model-servers.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
OF_PROMETHEUS = {"up", "instance", "job"}
SELECTOR = re.compile(r"\b(modelyard_\w+|up)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


@pytest.fixture(scope="module")
def exposed() -> dict[str, dict[str, set[str]]]:
    """Of each sample's name: its labels and their values, of a server in which everything has happened."""
    metrics = SharedMetrics(make_metrics_file())
    recorder = Recorder(metrics.row(0))
    recorder.record_success(total_s=1, queue_s=1, decode_s=1, compute_s=1, encode_s=1)
    recorder.record_execution(1)
    recorder.set_gauges(in_flight=1, queued=1, rss_bytes=1)
    for outcome in Outcome:
        if outcome is not Outcome.OK:
            recorder.record_failure(outcome, total_s=1)
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(expose(metrics, model="m", version="1").decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def panels() -> Iterator[tuple[str, str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def alerts() -> Iterator[dict[str, Any]]:
    for group in ALERTS["groups"]:
        yield from group["rules"]


EXPRESSIONS = [(title, expression) for title, expression, _ in panels()] + [
    (rule["alert"], rule["expr"]) for rule in alerts()
]


def grouped(expression: str) -> set[str]:
    """The labels that an expression keeps."""
    return {name.strip() for names in re.findall(r"by \(([^)]*)\)", expression) for name in names.split(",")}


class TestExpressions:
    @pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
    def test_every_metric_and_label_is_exposed(
        self, exposed: dict[str, dict[str, set[str]]], title: str, expression: str
    ) -> None:
        selectors = SELECTOR.findall(expression)
        assert selectors, title
        for metric, matchers in selectors:
            assert metric in exposed.keys() | OF_PROMETHEUS
            labels = exposed.get(metric, {})
            assert grouped(expression) <= labels.keys()
            for label, requested in MATCHER.findall(matchers):
                assert label in labels.keys() | OF_PROMETHEUS
                if "$" not in requested and label in labels:
                    assert set(requested.split("|")) <= labels[label]

    @pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
    def test_the_brackets_close(self, title: str, expression: str) -> None:
        for left, right in ("()", "{}", "[]"):
            assert expression.count(left) == expression.count(right), title

    def test_every_metric_is_on_the_dashboard(self, exposed: dict[str, dict[str, set[str]]]) -> None:
        shown = {metric for _, expression, _ in panels() for metric, _ in SELECTOR.findall(expression)}
        families = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in exposed}

        assert {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in shown} == families

    def test_legends_and_summaries_name_labels_that_are_there(self) -> None:
        for _, expression, legend in panels():
            named = set(re.findall(r"\{\{(\w+)\}\}", legend))
            assert named <= grouped(expression) | ({"instance", "worker"} if "by (" not in expression else set())
        for rule in alerts():
            named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
            assert named <= grouped(rule["expr"]) | OF_PROMETHEUS


class TestDashboard:
    def test_panels_do_not_lie_over_each_other(self) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken
            assert place["x"] + place["w"] <= 24
            taken |= cells

    def test_its_variables_are_those_that_it_uses(self) -> None:
        declared = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", " ".join(expression for _, expression, _ in panels())))

        assert used - {"__rate_interval"} == declared - {"datasource"}
