"""The API's own description: complete, and honest about errors and tokens."""

from collections.abc import Iterator
from typing import Any

import pytest

from modelyard.http.middleware.authentication import PUBLIC
from modelyard.main import ControlPlane


@pytest.fixture
def document(sqlite_control_plane: ControlPlane) -> dict[str, Any]:
    return sqlite_control_plane.app().openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


class TestDocument:
    def test_every_operation_has_a_name_of_its_own_and_a_sentence(self, document: dict[str, Any]) -> None:
        names = [operation["operationId"] for _, operation in operations(document)]
        assert sorted(set(names)) == sorted(names)
        assert all(operation["description"].endswith(".") for _, operation in operations(document))

    def test_every_operation_that_is_not_public_asks_for_the_token(self, document: dict[str, Any]) -> None:
        assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
        for name, operation in operations(document):
            expected: list[dict[str, list[str]]] | None
            expected = None if name.partition(" ")[2] in PUBLIC else [{"token": []}]
            assert operation.get("security") == expected, name

    def test_every_operation_tells_the_one_shape_of_errors_and_no_other(self, document: dict[str, Any]) -> None:
        for name, operation in operations(document):
            errors = {status for status in operation["responses"] if not status.startswith(("2", "3"))}
            assert errors == {"4XX", "5XX"}, name
            schema = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorBody"}, name
        assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()

    def test_nothing_predicts_itself(self, document: dict[str, Any]) -> None:
        """What is called inference trains a model again; models answer at their own addresses.

        One call sends a request on to the server of a deployment, for people who try it.
        """
        assert {path for path in document["paths"] if "inference" in path or "predict" in path} == {
            "/api/v1/deployments/{deployment_id}/predict",
            "/api/v1/modelserving/models/{name}/versions/{version}/inference",
        }
