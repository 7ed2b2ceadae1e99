"""What is refused before anything is started."""

from pathlib import Path

import pytest

from modelyard.errors import Invalid
from modelyard.home import Home
from modelyard.isolation.mechanism import Abilities
from modelyard.local.preflight import check_home, check_settings, check_stack
from modelyard.local.stack_file import Stack


class TestCheckHome:
    @pytest.mark.parametrize("name", ["a b", "ünïcode", "dots.and-dashes_"])
    def test_an_ordinary_path_is_fine(self, name: str) -> None:
        check_home(Home(Path("/home") / name))

    @pytest.mark.parametrize("name", ["a;b", "100%", "[x]", "a\nb", '"'])
    def test_a_path_with_a_meaning_of_its_own_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid, match="cannot have in a path"):
            check_home(Home(Path("/home") / name))


class TestCheckStack:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
    def test_everybody_may_be_let_in_on_loopback(self, host: str) -> None:
        check_stack(Stack(host=host, auth=False))

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.com", "localhost.example.com"])
    def test_and_nowhere_else(self, host: str) -> None:
        check_stack(Stack(host=host, auth=True))
        with pytest.raises(Invalid, match="loopback only"):
            check_stack(Stack(host=host, auth=False))

    def test_one_port_for_two_services_is_refused(self) -> None:
        with pytest.raises(Invalid, match="both 5000"):
            check_stack(Stack(port=5000, mlflow_port=5000))
        check_stack(Stack(port=5000, mlflow_port=5000, tracking_uri="http://mlflow:5000"))


class TestCheckSettings:
    def test_a_setting_that_cannot_be_read_is_named_with_what_came(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_CONCURRENT_JOBS", "many")
        with pytest.raises(Invalid, match=r"^MODELYARD_CONCURRENT_JOBS: .*integer.*; 'many' came\.$"):
            check_settings()

    def test_a_readable_folder_that_holds_the_home_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_HOME", "/srv/modelyard")
        monkeypatch.setenv("MODELYARD_RUN_READABLE", "/data,/srv")
        with pytest.raises(Invalid, match=r"^MODELYARD_RUN_READABLE names /srv, which holds the platform's home"):
            check_settings()

    def test_a_readable_folder_is_an_absolute_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_RUN_READABLE", "data")
        with pytest.raises(Invalid, match=r"MODELYARD_RUN_READABLE: .*absolute folders"):
            check_settings()

    def test_an_isolation_that_is_demanded_and_not_to_be_had_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "modelyard.isolation.mechanism._abilities", lambda: Abilities(abi=0, has_mounts=False, has_users=False)
        )
        monkeypatch.setenv("MODELYARD_RUN_ISOLATION", "required")
        with pytest.raises(Invalid, match="MODELYARD_RUN_ISOLATION is 'required', which is not to be had here"):
            check_settings()

    def test_an_artifact_root_whose_client_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        monkeypatch.setenv("MLFLOW_ARTIFACT_ROOT", "s3://ml-artifacts")
        with pytest.raises(Invalid, match=r"s3://ml-artifacts.*boto3"):
            check_settings()

    def test_a_folder_as_artifact_root_needs_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_ARTIFACT_ROOT", "/data/artifacts")
        check_settings()
