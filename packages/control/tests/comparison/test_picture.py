"""The picture of a comparison: whole, escaped, and readable without colours."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient

from modelyard.comparison.domain import Comparison, compare
from modelyard.comparison.picture import picture
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Dataset, Version

SVG = "{http://www.w3.org/2000/svg}"
RegisterOne = Callable[..., Version]


@pytest.fixture
def register_one(
    sqlite_control_plane: ControlPlane, alice: Principal, log_model: Callable[..., LoggedModel]
) -> RegisterOne:
    """Registers a version of `churn` with these metrics and parameters."""

    def register(metrics: Mapping[str, float], **more: Any) -> Version:
        logged = log_model(metrics=metrics)
        return sqlite_control_plane.registry.register(alice, model_name="churn", logged=logged, **more)

    return register


def drawn(comparison: Comparison) -> ET.Element:
    return ET.fromstring(picture("churn", comparison))


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def shapes(root: ET.Element, kind: str) -> list[ET.Element]:
    return [element for element in root.iter(f"{SVG}rect") if element.get("class") == kind]


class TestPicture:
    def test_better_is_right_of_the_baseline_and_worse_left_of_it_each_with_a_word(
        self, register_one: RegisterOne
    ) -> None:
        root = drawn(compare([register_one({"auc": 0.8, "loss": 0.2}), register_one({"auc": 0.9, "loss": 0.3})], {}))
        (better,), (worse,) = shapes(root, "better"), shapes(root, "worse")
        assert float(better.attrib["x"]) == float(worse.attrib["x"]) + float(worse.attrib["width"])
        assert {"▲ better by 12.5 %", "▼ worse by 50 %"} <= set(texts(root))

    def test_bars_of_all_metrics_have_one_scale(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({"auc": 0.5, "f1": 0.5}), register_one({"auc": 0.6, "f1": 0.55})], {}))
        widths = [float(bar.attrib["width"]) for bar in shapes(root, "better")]
        assert widths == [pytest.approx(2 * widths[1], abs=0.02), widths[1]]

    def test_words_of_a_caller_are_text_and_nothing_else(self, register_one: RegisterOne) -> None:
        evil = '</text><script>alert("x")</script>'
        root = drawn(compare([register_one({evil: 1.0}), register_one({"auc": 1.0}, tags={evil: evil})], {}))
        assert not list(root.iter(f"{SVG}script"))
        assert evil[:25] + "…" in texts(root)

    def test_what_xml_cannot_hold_is_replaced(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({}, tags={"a": "x\x01y"}), register_one({})], {}))
        assert "x�y" in texts(root)

    def test_what_turns_the_order_of_words_round_is_replaced(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({}, tags={"a": "\u202eevitca"}), register_one({})], {}))
        assert "�evitca" in texts(root)

    def test_no_line_is_longer_than_the_sheet(self, register_one: RegisterOne) -> None:
        first, second = register_one({"auc": 0.8}), register_one({"auc": 0.9})
        inputs = [{"name": name, "type": "double"} for name in ("x" * 200, *(f"word {n} " * 12 for n in range(20)))]
        versions = [replace(first, signature={"inputs": []}), replace(second, signature={"inputs": inputs})]
        said = texts(drawn(compare(versions, {})))
        assert max(len(line) for line in said) <= 112
        assert "⚠ Version 2 breaks callers of 1 in 11 more ways" in said

    def test_wide_characters_are_counted_as_wide(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({}, tags={"a": "数" * 100}), register_one({}), register_one({})], {}))
        assert "数" * 12 + "…" in texts(root)

    def test_many_versions_are_reported_by_the_first_and_the_last(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({"auc": 0.8}) for _ in range(9)], {}))
        assert texts(root)[0] == "churn: 9 versions, 1 to 9"

    def test_what_no_number_holds_is_better_without_one(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({"r2": 1e-300}), register_one({"r2": 1e300})], {}))
        assert {"▲ better", "1 % or more"} <= set(texts(root))

    def test_data_is_listed_with_a_word_whether_it_is_the_same(self, register_one: RegisterOne) -> None:
        first, second = register_one({"auc": 0.8}), register_one({"auc": 0.9})
        data = [Dataset("churn", digest, "local", "{}", "test") for digest in ("a1", "a2")]
        versions = [replace(first, datasets=(data[0],)), replace(second, datasets=(data[1],))]
        said = texts(drawn(compare(versions, {})))
        assert {"≠ test: different", "churn (a1)", "churn (a2)"} <= set(said)
        assert any(line.startswith("not comparable: the versions were evaluated on different data") for line in said)

    def test_a_baseline_of_zero_has_no_per_cent(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({"auc": 0.0}), register_one({"auc": 0.9})], {}))
        assert "▲ better" in texts(root)

    def test_a_metric_of_unknown_direction_gets_no_bar(self, register_one: RegisterOne) -> None:
        root = drawn(compare([register_one({"warmth": 1.0}), register_one({"warmth": 2.0})], {}))
        assert not shapes(root, "better") + shapes(root, "worse")
        assert "? unknown" in texts(root)

    def test_many_metrics_are_counted_and_not_all_drawn(self, register_one: RegisterOne) -> None:
        metrics = {f"auc_{index}": 0.5 for index in range(75)}
        assert "and 15 more metrics" in texts(drawn(compare([register_one(metrics), register_one(metrics)], {})))


class TestRoute:
    @pytest.fixture
    def client(self, sqlite_control_plane: ControlPlane) -> TestClient:
        client = TestClient(sqlite_control_plane.app())
        client.headers["Authorization"] = f"Bearer {sqlite_control_plane.access.first_token()}"
        return client

    def test_a_picture_may_do_nothing_but_style_itself(self, client: TestClient, register_one: RegisterOne) -> None:
        register_one({"auc": 0.8})
        register_one({"auc": 0.9})
        answer = client.get("/api/v1/ml/registry/models/churn/compare.svg?versions=1,2")
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
        assert ET.fromstring(answer.text).tag == f"{SVG}svg"

    def test_the_direction_that_the_policy_declares_decides(
        self, client: TestClient, register_one: RegisterOne
    ) -> None:
        register_one({"warmth": 1.0})
        register_one({"warmth": 2.0})
        compared = "/api/v1/ml/registry/models/churn/compare?versions=1,2"
        assert client.get(compared).json()["recommended_version"] is None
        rules = {"metric_rules": {"warmth": {"direction": "lower", "tolerance": 0.1}}}
        assert client.put("/api/v1/ml/registry/models/churn/policy", json=rules).status_code == 200
        found = client.get(compared).json()
        assert found["recommended_version"] == 1
        assert (found["metrics"][0]["direction"], found["metrics"][0]["tolerance"]) == ("lower", 0.1)

    def test_a_versions_list_that_is_none_is_refused(self, client: TestClient, register_one: RegisterOne) -> None:
        register_one({})
        answer = client.get("/api/v1/ml/registry/models/churn/compare.svg?versions=1")
        assert (answer.status_code, answer.json()["code"]) == (400, "versions_invalid")
