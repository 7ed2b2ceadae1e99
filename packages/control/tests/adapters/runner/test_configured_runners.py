"""What an operator may say of runners, and what is refused when the control plane starts."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from container_runs import NoWheels
from oci_parts import plenty

from modelyard.adapters.runner import LocalRunner
from modelyard.adapters.runner.configured import RunnerContext, configured_runners
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.adapters.runner.run_image import RunImages
from modelyard.errors import Invalid
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.main.adapters import runners_of
from modelyard.oci.base.bases import Base
from modelyard.oci.layout import Layout
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.transport import RegistryAccess
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.tracking_server import TrackingServerSettings
from modelyard.training.settings import RunnerSettings


def _no_base(_: object) -> Base:
    raise AssertionError("nothing is built here")


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with closing(Layout(tmp_path / "layout")) as layout:
        yield layout


@pytest.fixture
def context(layout: Layout, tmp_path: Path) -> RunnerContext:
    return RunnerContext(
        home=Home(tmp_path),
        isolation=NO_ISOLATION,
        installation=lambda: "installation-1",
        images=RunImages(layout, base=_no_base, wheels=NoWheels(), require_space=plenty),
        open_registry=lambda host: Registry(host, RegistryAccess()),
        tracking_uri="http://127.0.0.1:5000",
        is_tracker_ours=True,
        is_tracker_local=True,
    )


class TestConfiguredRunners:
    def test_several_runners_are_made_by_their_types(self, context: RunnerContext) -> None:
        runners = configured_runners({"local": {}, "big": {"type": "docker", "network": "host"}}, context)
        assert isinstance(runners["local"], LocalRunner)
        assert isinstance(runners["big"], HostedRunner)
        assert runners["big"].tracking_uri == "http://127.0.0.1:5000"

    def test_an_address_that_is_given_is_what_scripts_get(self, context: RunnerContext) -> None:
        runners = configured_runners({"docker": {"tracking_uri": "http://tracker:5000"}}, context)
        assert isinstance(runners["docker"], HostedRunner)
        assert runners["docker"].tracking_uri == "http://tracker:5000"

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"moon": {}}, r"expected a type of 'databricks', 'docker', .*got 'moon'"),
            ({"local": {"cpus": 1}}, "the runner 'local': cpus: expected no such field"),
            ({"docker": {"network": "host", "cpus": 0}}, "the runner 'docker': cpus: expected greater than 0"),
            (
                {"docker": {"tracking_uri": "file:///x"}},
                "the runner 'docker': tracking_uri: expected text that matches",
            ),
            ({"kubernetes": {"in_cluster": True}}, "the runner 'kubernetes': repository: expected a value, got none"),
            (
                {"kubernetes": {"repository": "localhost:5000/runs", "in_cluster": True}},
                "pods cannot reach the tracking",
            ),
            (
                {"eu": {"type": "kubernetes", "repository": "localhost:5000/runs", "tracking_uri": "http://t:5000"}},
                "the runner 'eu': expected either kubeconfig",
            ),
            (
                {
                    "eu": {
                        "type": "kubernetes",
                        "repository": "localhost:5000/runs",
                        "tracking_uri": "http://t:5000",
                        "kubeconfig": "/no/such/file",
                    }
                },
                "MODELYARD_RUNNERS: the runner 'eu': kubeconfig .*expected the configuration of a cluster",
            ),
            ({"docker": {}}, "cannot reach the tracking server, which listens on loopback only: set MODELYARD_MLFLOW"),
        ],
    )
    def test_what_cannot_work_is_refused(self, options: dict[str, Any], said: str, context: RunnerContext) -> None:
        with pytest.raises(Invalid, match=said):
            configured_runners(options, context)


class TestSettings:
    def test_a_tracking_server_that_listens_everywhere_is_reached_from_containers(self, tmp_path: Path) -> None:
        settings = Settings(
            storage=StorageSettings(home=tmp_path),
            runners=RunnerSettings(runners={"docker": {}}),
            tracking_server=TrackingServerSettings(host="0.0.0.0"),
        )
        assert isinstance(runners_of(settings, NoWheels())["docker"], HostedRunner)

    def test_it_listens_on_loopback_or_everywhere(self) -> None:
        with pytest.raises(Invalid, match=r"MODELYARD_MLFLOW_HOST: .*expected one of 127\.0\.0\.1, 0\.0\.0\.0"):
            TrackingServerSettings(host="10.0.0.1")

    def test_without_access_control_it_listens_on_loopback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_AUTH", "false")
        with pytest.raises(Invalid, match="MODELYARD_MLFLOW_HOST must be loopback"):
            Settings(tracking_server=TrackingServerSettings(host="0.0.0.0"))

    @pytest.mark.parametrize("runners", [{}, {"Local": {}}, {"a" * 41: {}}])
    def test_names_of_runners_are_plain(self, runners: dict[str, Any]) -> None:
        with pytest.raises(Invalid, match="MODELYARD_RUNNERS"):
            RunnerSettings(runners=runners)
