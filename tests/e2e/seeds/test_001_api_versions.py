"""The document of API versions: a version set, an API in it, and its release, at the gateway's address."""

from typing import Any

import httpx
import pytest
from tests.e2e.seeds.documents import later

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


@later("the gateway of API versions is not built yet")
@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("version-sets", VERSION_SET),
        ("version-sets", VERSION_SET | {"versioning_scheme": "Header", "header_name": "Api-Version"}),
        ("version-sets", VERSION_SET | {"versioning_scheme": "Query", "query_name": "api-version"}),
        ("apis", API_V1),
        ("apis/ml-model-v1/releases", RELEASE_V1),
    ],
)
def test_each_resource_of_the_program_is_made(anyone: httpx.Client, place: str, body: dict[str, Any]) -> None:
    assert anyone.post(f"{GATEWAY}/{place}", json=body).status_code == 201


@later("the gateway of API versions is not built yet")
def test_the_public_addresses_are_reported(anyone: httpx.Client) -> None:
    answer = anyone.get(f"{GATEWAY}/status")
    assert answer.status_code == 200
    assert answer.json()["public_addresses"]
