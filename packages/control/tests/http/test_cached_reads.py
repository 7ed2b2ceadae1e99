"""Responses that are sent again, over both databases."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from statements import statements

from modelyard.access.routes import PREFIX
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.settings import RegistrySettings
from modelyard.registry.states import Stage

MODELS = "/api/v1/ml/registry/models"
ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)


@pytest.fixture
def iris(control_plane: ControlPlane, log_model: Callable[..., LoggedModel], token: str) -> str:
    control_plane.registry.register(ADMIN, model_name="iris", logged=log_model())
    return f"{MODELS}/iris/versions/1"


def to_staging(control_plane: ControlPlane) -> None:
    version = control_plane.registry.version(ADMIN, "iris", 1)
    control_plane.promotion.change_stage(ADMIN, version, Stage.STAGING, comment="tested", revision=None)


class TestCachedReads:
    @pytest.mark.parametrize(
        "path", [f"{MODELS}/iris/versions/1", f"{MODELS}/iris", f"{MODELS}/iris/versions", MODELS, "/mlops/models"]
    )
    def test_the_same_question_again_reads_only_the_number_of_changes(
        self, control_plane: ControlPlane, client: TestClient, iris: str, path: str
    ) -> None:
        first = client.get(path)
        with statements(control_plane.database) as seen:
            again = client.get(path)
        assert seen == []
        assert again.json() == first.json()
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]

    def test_a_write_of_another_process_is_in_the_next_response(
        self, control_plane: ControlPlane, client: TestClient, iris: str
    ) -> None:
        assert client.get(iris).json()["stage"] == "none"
        other = ControlPlane(control_plane._settings, control_plane._adapters)
        to_staging(other)
        assert client.get(iris).json()["stage"] == "staging"
        other.database.close()

    def test_a_client_that_has_the_response_gets_304(self, client: TestClient, iris: str) -> None:
        etag = client.get(iris).headers["ETag"]
        for held in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            answer = client.get(iris, headers={"If-None-Match": held})
            assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
        assert client.get(iris, headers={"If-None-Match": '"other"'}).status_code == 200

    def test_a_client_that_has_an_old_response_gets_the_new_one(
        self, control_plane: ControlPlane, client: TestClient, iris: str
    ) -> None:
        etag = client.get(iris).headers["ETag"]
        to_staging(control_plane)
        assert client.get(iris, headers={"If-None-Match": etag}).json()["stage"] == "staging"

    def test_a_revoked_token_gets_no_cached_response(
        self, control_plane: ControlPlane, client: TestClient, iris: str
    ) -> None:
        made = client.post(f"{PREFIX}/tokens", json={"name": "short"}).json()
        headers = {"Authorization": f"Bearer {made['secret']}"}
        assert client.get(iris, headers=headers).status_code == 200
        client.delete(f"{PREFIX}/tokens/{made['token']['token_id']}")
        assert client.get(iris, headers=headers).status_code == 401

    def test_a_revoked_token_gets_nothing_by_the_fast_path(
        self, control_plane: ControlPlane, client: TestClient, iris: str
    ) -> None:
        made = client.post(f"{PREFIX}/tokens", json={"name": "short"}).json()
        headers = {"Authorization": f"Bearer {made['secret']}"}
        assert client.get(iris, headers=headers).status_code == 200
        other = ControlPlane(control_plane._settings, control_plane._adapters)
        other.tokens.revoke(ADMIN, made["token"]["token_id"])
        other.database.close()
        for path in (f"{MODELS}/iris", f"{MODELS}/iris/versions", MODELS, iris):
            assert client.get(path, headers=headers).status_code == 401

    def test_a_response_of_before_a_change_is_not_sent_to_a_caller_who_was_authenticated_after_it(
        self, control_plane: ControlPlane, client: TestClient, iris: str
    ) -> None:
        assert client.get(iris).json()["stage"] == "none"
        to_staging(control_plane)
        assert client.get(f"{MODELS}/iris").json()["staging_version"] == 1
        assert client.get(iris).json()["stage"] == "staging"

    def test_what_was_never_asked_is_one_query(
        self, control_plane: ControlPlane, client: TestClient, iris: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert client.get(iris).status_code == 200
        monkeypatch.setattr(control_plane.database, "change_number", None)
        for path in (f"{MODELS}/iris", f"{MODELS}/iris/versions", f"{MODELS}/iris/versions?stage=none"):
            with statements(control_plane.database) as seen:
                assert client.get(path).status_code == 200
            assert len(seen) == 1

    def test_what_was_never_asked_is_as_another_process_left_it(
        self, control_plane: ControlPlane, client: TestClient, iris: str
    ) -> None:
        assert client.get(iris).status_code == 200
        other = ControlPlane(control_plane._settings, control_plane._adapters)
        to_staging(other)
        other.database.close()
        assert client.get(f"{MODELS}/iris").json()["staging_version"] == 1
        assert [each["stage"] for each in client.get(f"{MODELS}/iris/versions").json()["versions"]] == ["staging"]

    def test_errors_are_not_cached(self, control_plane: ControlPlane, client: TestClient, iris: str) -> None:
        for _ in range(2):
            with statements(control_plane.database) as seen:
                assert client.get(f"{MODELS}/iris/versions/9").status_code == 404
            assert seen

    def test_the_least_recently_used_leave_a_full_cache(
        self, client: TestClient, iris: str, monkeypatch: pytest.MonkeyPatch, control_plane: ControlPlane
    ) -> None:
        versions = iris.rpartition("/")[0]
        size = len(client.get(versions).content)
        monkeypatch.setattr("modelyard.http.response_cache._MAX_BYTES", int(size * 2.5))
        for number in range(4):
            client.get(f"{versions}?limit={number + 1}")
        asked = []
        for number in range(4):
            with statements(control_plane.database) as seen:
                client.get(f"{versions}?limit={number + 1}")
            asked.append(bool(seen))
        assert asked[0]

    def test_a_time_to_live_of_zero_caches_nothing(
        self, control_plane: ControlPlane, client: TestClient, iris: str
    ) -> None:
        settings = replace(
            control_plane._settings, registry=RegistrySettings.model_validate({"ML_REGISTRY_CACHE_TTL": 0})
        )
        other = ControlPlane(settings, control_plane._adapters)
        uncached = TestClient(other.app(), headers=dict(client.headers))
        for _ in range(2):
            with statements(other.database) as seen:
                assert uncached.get(iris).status_code == 200
            assert seen
        other.database.close()
