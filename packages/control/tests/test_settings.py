"""Settings are read from the environment, group by group; a value that cannot be read is reported in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.deployments.settings import DeploymentSettings
from modelyard.errors import Invalid
from modelyard.registry.settings import RegistrySettings
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.tracking_server import TrackingServerSettings
from modelyard.training.settings import RunSettings
from modelyard.webhooks.settings import WebhookSettings


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MODELYARD_", "MLFLOW_", "ML_")):
            monkeypatch.delenv(name)


class TestAGroup:
    def test_a_variable_is_the_prefix_of_its_group_and_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_RUN_SECONDS", "12.5")
        monkeypatch.setenv("MODELYARD_RUN_READABLE", "/data, /mnt/sets")
        monkeypatch.setenv("MODELYARD_WEBHOOK_ALLOWED_NETWORKS", '["10.0.0.0/8"]')
        settings = Settings()
        assert settings.runs == RunSettings(seconds=12.5, readable=[Path("/data"), Path("/mnt/sets")])
        assert [str(network) for network in settings.webhooks.allowed_networks] == ["10.0.0.0/8"]

    def test_the_variables_that_the_field_knows_keep_their_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ML_REGISTRY_CACHE_TTL", "7")
        monkeypatch.setenv("MLFLOW_ARTIFACT_ROOT", "s3://ml-artifacts")
        monkeypatch.setenv("MODELYARD_MLFLOW_TRACKING_URI", "http://second:5000")
        assert RegistrySettings().cache_ttl_seconds == 7
        assert TrackingServerSettings().uri == "http://second:5000"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
        assert TrackingServerSettings().uri == "http://mlflow:5000"
        assert TrackingServerSettings().foreign_artifacts == "s3://ml-artifacts"

    def test_our_own_tracking_server_keeps_its_database_in_the_home(self, tmp_path: Path) -> None:
        settings = Settings(storage=StorageSettings(home=tmp_path))
        server, home = settings.tracking_server, settings.storage.places
        assert (server.uri, server.foreign_artifacts) == ("http://127.0.0.1:5000", None)
        assert server.backend(home) == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
        foreign = TrackingServerSettings.model_validate({"MLFLOW_TRACKING_URI": "http://mlflow:5000"})
        assert foreign.backend(home) is None


class TestASentence:
    @pytest.mark.parametrize(
        ("variable", "value", "said"),
        [
            ("MODELYARD_LEASE_SECONDS", "0", "greater than or equal to 1; '0' came."),
            ("MODELYARD_CONCURRENT_JOBS", "many", "valid integer"),
            ("MODELYARD_WEBHOOK_ATTEMPTS", "101", "less than or equal to 100; '101' came."),
            ("ML_REGISTRY_CACHE_TTL", "-1", "greater than or equal to 0; '-1' came."),
            ("MODELYARD_SERVER_PORT_LAST", "70000", "less than or equal to 65535; '70000' came."),
        ],
    )
    def test_it_names_the_variable_what_was_expected_and_what_came(
        self, variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, value)
        with pytest.raises(Invalid) as caught:
            Settings()
        assert caught.value.code == "setting_invalid"
        assert caught.value.message.startswith(f"{variable}: ")
        assert said in caught.value.message

    def test_it_never_holds_a_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_WEBHOOK_KEY", "hush-hush")
        with pytest.raises(Invalid) as caught:
            WebhookSettings()
        assert caught.value.message == (
            "MODELYARD_WEBHOOK_KEY: expected at least 32 items, not 9; the value is not shown, as it may hold secrets."
        )

    @pytest.mark.parametrize("given", ['{"EU": {"password": "s3cret"}}', '{"eu": "s3cret"', '{"eu": "s3cret"}'])
    def test_it_shows_nothing_of_a_document(self, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
        monkeypatch.setenv("MODELYARD_TARGETS", given)
        with pytest.raises(Invalid, match=r"^MODELYARD_TARGETS: .*") as raised:
            DeploymentSettings()
        assert "s3cret" not in raised.value.message

    def test_two_settings_that_do_not_go_together_are_both_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_OIDC_ISSUER", "https://login.example.com")
        with pytest.raises(Invalid, match=r"^MODELYARD_OIDC_AUDIENCE must be set with MODELYARD_OIDC_ISSUER: "):
            Settings()

    @pytest.mark.parametrize(
        ("variable", "given", "said"),
        [
            ("MODELYARD_PORT", "eighty", "MODELYARD_PORT: expected a valid integer"),
            ("MODELYARD_TARGETS", '{"moon": {}}', "MODELYARD_TARGETS: expected a type of"),
            (
                "MODELYARD_RUNNERS",
                '{"docker": {"cpu": 1}}',
                "MODELYARD_RUNNERS: the runner 'docker': cpu: expected no such field",
            ),
        ],
    )
    def test_it_ends_the_control_plane_without_a_traceback(
        self, tmp_path: Path, variable: str, given: str, said: str
    ) -> None:
        environment = {**os.environ, "MODELYARD_HOME": str(tmp_path), variable: given}
        ended = subprocess.run(
            [sys.executable, "-m", "modelyard"], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert ended.stderr.startswith(said)
        assert ended.stderr.count("\n") == 1
