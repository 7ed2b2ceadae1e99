"""A model's name goes through every route as it was given, whatever MLflow takes as one."""

import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from api_routes import api_routes
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role

REGISTRY, SERVING = "/api/v1/ml/registry/models", "/api/v1/modelserving/models"
ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)
NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/:"), min_size=1, max_size=40
).filter(lambda name: name.strip() and name != "." and not name.startswith(".."))
ODD = ' 50% "it\'s" größe 模型?#&+;=@[]{}|\\^`~\N{LINE SEPARATOR}<b>'


class TestRoundTrip:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=NAMES)
    @example("my_model")
    @example("Fraud Model v2")
    @example(ODD)
    @example("versions")
    @example("🦉" * 255)
    def test_a_model_is_found_listed_and_edited_under_its_name(self, client: TestClient, name: str) -> None:
        made = client.post(SERVING, json={"name": name})
        assert made.status_code in {201, 409}, made.text
        address = f"{REGISTRY}/{quote(name, safe='')}"
        found = client.get(address)
        assert (found.status_code, found.json()["name"]) == (200, name)
        assert client.get(address, headers={"If-None-Match": found.headers["ETag"]}).status_code == 304
        changed = client.patch(address, json={"description": name}, headers={"If-Match": found.headers["ETag"]})
        assert changed.json()["description"] == name
        assert client.get(f"/mlops/models/{quote(name, safe='')}").json()["label"] == found.json()["label"]
        assert name in self._walk(client, "name")
        assert name in self._walk(client, "-last_updated")

    @staticmethod
    def _walk(client: TestClient, order: str) -> list[str]:
        """The names on all pages, of which every second one ends at another name."""
        names, query = [], {"limit": "2", "order": order}
        while True:
            page = client.get(REGISTRY, params=query).json()
            names += [model["name"] for model in page["models"]]
            if page["next_cursor"] is None:
                return names
            query["cursor"] = page["next_cursor"]

    def test_every_route_of_a_version_knows_it(
        self, client: TestClient, control_plane: ControlPlane, log_model: Callable[..., LoggedModel]
    ) -> None:
        for _ in range(2):
            control_plane.registry.register(ADMIN, model_name=ODD, logged=log_model())
        control_plane.packaging.build(control_plane.registry.version(ADMIN, ODD, 1), log=lambda _: None)
        assert isinstance(client.app, FastAPI)
        asked = 0
        for route in api_routes(client.app):
            path = str(route.path)
            if "GET" not in (route.methods or ()) or not ("{name}" in path or "{model_name}" in path):
                continue
            if set(re.findall(r"{(\w+)", path)) - {"name", "model_name", "version"}:
                continue
            filled = path.replace("{name}", quote(ODD, safe="")).replace("{model_name}", quote(ODD, safe=""))
            query = {"compare": {"versions": "1,2"}, "compare.svg": {"versions": "1,2"}, "file": {"path": "MLmodel"}}
            answer = client.get(filled.replace("{version}", "1"), params=query.get(path.rpartition("/")[2], {}))
            # What may be missing is missed by its name.
            is_missed = (
                answer.status_code == 404 and json.dumps(f"model '{ODD}'", ensure_ascii=False)[1:-1] in answer.text
            )
            assert answer.status_code == 200 or is_missed, f"{path}: {answer.text}"
            asked += 1
        assert asked > 10

    def test_its_bundle_lies_under_its_label(
        self, control_plane: ControlPlane, log_model: Callable[..., LoggedModel]
    ) -> None:
        control_plane.registry.register(ADMIN, model_name="… My_Model", logged=log_model())
        version = control_plane.registry.version(ADMIN, "… My_Model", 1)
        bundle = control_plane.packaging.build(version, log=lambda _: None)
        assert bundle.path.parts[-3:] == ("default", "my-model", "1")
        assert bundle.reference.startswith("bundle:my-model-v1@sha256:")


class TestLabels:
    def test_where_two_would_meet_the_second_has_a_digest(self, client: TestClient) -> None:
        labels = [
            client.post(SERVING, json={"name": name}).json()["label"] for name in ("my_model", "My_Model", "my-model")
        ]
        assert labels[0] == "my-model"
        assert all(re.fullmatch("my-model-[0-9a-f]{8}", label) for label in labels[1:])
        assert len(set(labels)) == 3

    def test_a_name_that_looks_like_anothers_label_with_a_digest_makes_no_difference(self, client: TestClient) -> None:
        (first, second) = (client.post(SERVING, json={"name": name}).json()["label"] for name in ("m_m", "m m"))
        assert (first, client.post(SERVING, json={"name": second}).status_code) == ("m-m", 201)
        labels = {model["label"] for model in client.get(REGISTRY).json()["models"]}
        assert len(labels) == 3

    @pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a:b", "a\tb", "x" * 256])
    def test_what_mlflow_refuses_is_refused_with_the_field(self, client: TestClient, name: str) -> None:
        answer = client.post(SERVING, json={"name": name})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
            400,
            "model_name_invalid",
            "name",
        )
