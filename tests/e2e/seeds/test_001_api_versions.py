"""The document of API versions, to the letter: a version set, an API in it, its release, and the gateway's addresses.

Its backend is a server of somebody else's, `http://backend-for-ml-model-v1`; the operator of this stack says where that
name leads. Where the document is silent, the API manager's own default holds: callers need a subscription.
"""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from tests.e2e.stack import Stack, wait_for

GATEWAY = "/api/v1/gateway"
VERSION_SET = {"display_name": "ML Model Serving Versions", "versioning_scheme": "Segment"}
API_V1 = {
    "api_id": "ml-model-v1",
    "display_name": "ML Model Serving v1",
    "path": "ml-model",
    "api_version": "v1",
    "description": "Version 1 of the ML Model Serving API",
    "protocols": ["https"],
    "service_url": "http://backend-for-ml-model-v1",
}
RELEASE_V1 = {"release_id": "ml-model-release-v1", "api_release_notes": "Initial Release of ML Model v1"}


class Backend(BaseHTTPRequestHandler):
    """The document's server: it says by which name and path it was asked."""

    def do_GET(self) -> None:
        said = f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


def backend_port(platform: Stack) -> int:
    """Where the operator says that the backend's name leads."""
    places = json.loads(platform.settings["MODELYARD_GATEWAY_SERVICE_HOSTS"])
    return int(places["backend-for-ml-model-v1"].rpartition(":")[2])


@pytest.fixture(scope="module")
def backend(platform: Stack) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", backend_port(platform)), Backend)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def released(anyone: httpx.Client, backend: None) -> dict[str, Any]:
    """The resources of the program, made in its order."""
    version_set = made(anyone, "version-sets", VERSION_SET)
    api = made(anyone, "apis", API_V1 | {"api_version_set_id": version_set["version_set_id"]})
    release = made(anyone, f"apis/{api['api_id']}/releases", RELEASE_V1)
    return {"version_set": version_set, "api": api, "release": release}


def made(anyone: httpx.Client, where: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = anyone.post(f"{GATEWAY}/{where}", json=body)
    assert answer.status_code == 201, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_each_resource_of_the_program_is_made(released: dict[str, Any]) -> None:
    assert VERSION_SET.items() <= released["version_set"].items()
    assert {**API_V1, "service_url": None}.items() <= {**released["api"], "service_url": None}.items()
    assert RELEASE_V1.items() <= released["release"].items()
    assert released["release"]["after"]["target"]["service_url"] == API_V1["service_url"]


def test_every_scheme_that_it_names_can_be_chosen(anyone: httpx.Client) -> None:
    by_header = {"version_set_id": "by-header", "versioning_scheme": "Header", "version_header_name": "Api-Version"}
    by_query = {"version_set_id": "by-query", "versioning_scheme": "Query", "version_query_name": "api-version"}
    for other in (by_header, by_query):
        made(anyone, "version-sets", VERSION_SET | other)


def test_its_backend_answers_at_its_path_and_version(
    platform: Stack, anyone: httpx.Client, released: dict[str, Any]
) -> None:
    scope = {"display_name": "Caller", "scope": {"kind": "api", "name": "ml-model-v1"}}
    key = made(anyone, "subscriptions", scope)["primary_key"]
    tls_port = platform.settings["MODELYARD_GATEWAY_TLS_PORT"]
    with httpx.Client(base_url=f"https://localhost:{tls_port}", verify=False) as caller:

        def answer() -> httpx.Response | None:
            found = caller.get("/ml-model/v1/predict?x=1", headers={"Ocp-Apim-Subscription-Key": key})
            return found if found.status_code == 200 else None

        found = wait_for(answer, timeout=60, what=lambda: "the gateway leads to the backend")
        assert found.text == "backend-for-ml-model-v1 /predict?x=1"
        assert found.headers["modelyard-api"] == "ml-model-v1"
        assert caller.get("/ml-model/v1/predict").status_code == 401
        unknown = caller.get("/ml-model/v2/predict")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "api_version_unknown")
    plain = httpx.post(f"{platform.gateway_url}/ml-model/v1/predict")
    assert (plain.status_code, plain.json()["code"]) == (403, "https_required")


def test_the_public_addresses_are_reported(anyone: httpx.Client) -> None:
    answer = anyone.get(f"{GATEWAY}/status")
    assert answer.status_code == 200
    assert answer.json()["public_ip_addresses"] == ["127.0.0.1"]
