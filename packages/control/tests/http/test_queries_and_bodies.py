"""What no route knows is refused by every one; a list takes the caller's own tenant; a body of JSON needs no header."""

import json
import re

import pytest
from api_routes import api_routes
from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext
from fastapi.testclient import TestClient

from modelyard.http.known_queries import parameters_of

REGISTRY = "/api/v1/ml/registry/models"
SERVING = "/api/v1/modelserving/models"


def routes(client: TestClient) -> list[tuple[str, str, RouteContext]]:
    """Every method of every path, with something in place of its parameters."""
    assert isinstance(client.app, FastAPI)
    found = []
    for context in api_routes(client.app):
        assert isinstance(context.original_route, APIRoute), f"{context.path} would take any query"
        path = re.sub(r"{version(:int)?}", "1", str(context.path))
        path = re.sub(r"{\w+(:\w+)?}", "iris", path)
        found += [(method, path, context) for method in sorted(context.methods or ())]
    assert len(found) > 60
    return found


class TestUnknownParameters:
    def test_every_route_refuses_what_it_does_not_know_and_names_what_it_does(self, client: TestClient) -> None:
        for method, path, context in routes(client):
            answer = client.request(method, path, params={"limti": "5"}, json={} if method != "GET" else None)
            error = answer.json()
            assert (answer.status_code, error["code"], error["field"]) == (400, "query_unknown", "limti"), (
                f"{method} {path}"
            )
            assert all(name in error["error"] for name, _ in parameters_of(context.dependant)), answer.text

    def test_what_takes_one_value_takes_it_once(self, client: TestClient) -> None:
        once = 0
        for method, path, context in routes(client):
            for name, is_list in parameters_of(context.dependant):
                if is_list:
                    continue
                answer = client.request(method, f"{path}?{name}=1&{name}=1", json={} if method != "GET" else None)
                assert (answer.status_code, answer.json()["field"]) == (400, name), f"{method} {path}: {answer.text}"
                once += 1
        assert once > 40

    def test_a_list_of_values_may_be_repeated(self, client: TestClient) -> None:
        assert client.get(f"{REGISTRY}?tag=a:1&tag=b:2&metric=x>1&metric=y>1").status_code == 200

    @pytest.mark.parametrize("place", ["", "/versions/1"])
    def test_an_answer_that_needs_no_route_is_no_way_around(self, client: TestClient, place: str) -> None:
        client.post(SERVING, json={"name": "iris"})
        for _ in range(2):  # The second caller is let in from memory.
            answer = client.get(f"{REGISTRY}/iris{place}", params={"limit": "5"})
            assert (answer.status_code, answer.json()["field"]) == (400, "limit")


class TestOwnTenant:
    def test_every_list_takes_it_and_refuses_anothers(self, client: TestClient) -> None:
        client.post(SERVING, json={"name": "iris"})
        lists = [
            (path, context)
            for method, path, context in routes(client)
            if method == "GET" and "cursor" in dict(parameters_of(context.dependant)) and not path.endswith("/tenants")
        ]
        assert len(lists) > 12
        for path, _ in lists:
            plain = client.get(path)
            own = client.get(path, params={"tenant_id": "default"})
            assert (own.status_code, _body(own.text)) == (plain.status_code, _body(plain.text)), path
            other = client.get(path, params={"tenant_id": "acme-corp"})
            assert (other.status_code, other.json()["field"]) == (404, "tenant_id"), path


class TestBodies:
    @pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "application/json"])
    def test_json_is_read_as_json_whatever_curl_says_of_it(self, client: TestClient, content_type: str | None) -> None:
        headers = {} if content_type is None else {"Content-Type": content_type}
        made = client.post(SERVING, content=json.dumps({"name": "iris"}), headers=headers)
        assert (made.status_code, made.json()["name"]) == (201, "iris")
        changed = client.patch(f"{REGISTRY}/iris", content=b'{"description": "Irises."}', headers=headers)
        assert changed.json()["description"] == "Irises."

    def test_a_form_gets_an_error_that_names_what_was_expected(self, client: TestClient) -> None:
        answer = client.post(SERVING, data={"name": "iris"})
        assert (answer.status_code, answer.json()["field"]) == (400, "body")

    def test_plain_text_is_not_taken_for_json(self, client: TestClient) -> None:
        answer = client.post(SERVING, content=b'{"name": "iris"}', headers={"Content-Type": "text/plain"})
        assert answer.status_code == 400


class TestDeleteMode:
    @pytest.mark.parametrize("name", ["delete_mode", "DeleteMode"])
    @pytest.mark.parametrize(
        ("given", "mode"),
        [
            ("0", 0),
            ("Nothing", 0),
            ("1", 1),
            ("DeleteRunIfNoMore", 1),
            ("2", 2),
            ("DeleteRunAndExperimentIfNoMore", 2),
        ],
    )
    def test_the_documents_spelling_works_by_name_and_by_number(
        self, client: TestClient, name: str, given: str, mode: int
    ) -> None:
        client.post(SERVING, json={"name": "iris"})
        plan = client.delete(f"{SERVING}/iris", params={name: given, "dry_run": "true"})
        assert (plan.status_code, plan.json()["delete_mode"]) == (200, mode)

    def test_both_spellings_at_once_are_refused(self, client: TestClient) -> None:
        client.post(SERVING, json={"name": "iris"})
        answer = client.delete(f"{SERVING}/iris", params={"delete_mode": "0", "DeleteMode": "1"})
        assert (answer.status_code, answer.json()["field"]) == (400, "DeleteMode")


def _body(text: str) -> str:
    """Without what differs from call to call."""
    return re.sub(r'"request_id":"[^"]*"', "", text)
