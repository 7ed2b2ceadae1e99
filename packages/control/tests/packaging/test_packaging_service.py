"""From a version to a bundle: built once, from exactly the files that were registered."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.tracking import FakeTracking
from modelyard.errors import Conflict, DiskFull, Invalid, NotFound, Unavailable
from modelyard.packaging.service import PackagingService
from modelyard.ports.environments import pinned
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService


def quiet(line: str) -> None:
    """A log that nobody reads."""


class TestBuild:
    def test_a_bundle_holds_the_versions_files_and_says_whose_they_are(
        self, packaging: PackagingService, version: Version
    ) -> None:
        bundle = packaging.build(version, log=quiet)

        described = json.loads((bundle.path / "bundle.json").read_text())
        assert (bundle.path / "model" / "model.pkl").read_bytes() == b"never unpickled here"
        assert described["model"] == {
            "name": "iris",
            "version": "1",
            "run_id": version.run_id,
            "mlflow_uri": version.model_uri,
        }
        assert described["runtime"] == bundle.runtime == "sklearn"

    def test_its_environment_holds_our_server_and_not_mlflow(
        self, packaging: PackagingService, version: Version
    ) -> None:
        bundle = packaging.build(version, log=quiet)

        packages = [pin.split("==")[0] for pin in pinned((bundle.path / "requirements.txt").read_text())]
        assert packages == ["modelyard-serving", "scikit-learn"]
        assert bundle.python.exists()

    def test_it_keeps_the_versions_of_the_environment_that_it_was_trained_in(
        self,
        packaging: PackagingService,
        environments: FakeEnvironments,
        registry: RegistryService,
        alice: Principal,
        log_model: Callable[..., LoggedModel],
    ) -> None:
        trained = environments.lock(["numpy==1.26", "scikit-learn==1.5.0"], log=quiet)
        packaging.keep_lock(trained)
        logged = log_model(files={"requirements.txt": b"numpy\nscikit-learn\n"})
        version = registry.register(alice, model_name="iris", logged=logged, lock_digest=trained.digest)

        bundle = packaging.build(version, log=quiet)

        assert pinned((bundle.path / "requirements.txt").read_text()) == (
            *("modelyard-serving==1.0", "numpy==1.26", "scikit-learn==1.5.0"),
        )

    def test_space_for_two_copies_is_asked_for_before_anything_is_fetched(
        self, packaging: PackagingService, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        def refuse(size: int) -> None:
            asked.append(size)
            raise DiskFull("disk full: the bundle needs more")

        monkeypatch.setattr(packaging, "_require_space", refuse)
        with pytest.raises(DiskFull):
            packaging.build(version, log=quiet)
        assert asked == [2 * version.size]
        assert not list((tmp_path / "bundles").rglob("*"))

    def test_it_is_built_once(
        self, packaging: PackagingService, version: Version, environments: FakeEnvironments, tracking: FakeTracking
    ) -> None:
        first = packaging.build(version, log=quiet)
        tracking.is_available = environments.is_index_reachable = False

        assert packaging.build(version, log=pytest.fail) == first
        assert packaging.bundle(version) == first

    def test_many_that_build_at_once_get_one_bundle(
        self, packaging: PackagingService, version: Version, environments: FakeEnvironments
    ) -> None:
        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(packaging.build, version, log=quiet) for _ in range(4)]

        assert len({call.result().manifest_digest for call in calls}) == 1
        assert len(environments.builds) == 1

    def test_a_bundle_that_is_gone_is_built_anew_with_the_same_bytes(
        self, packaging: PackagingService, version: Version
    ) -> None:
        first = packaging.build(version, log=quiet)
        shutil.rmtree(first.path)

        assert packaging.build(version, log=quiet) == first
        assert first.path.exists()

    def test_nothing_is_left_beside_it(self, packaging: PackagingService, version: Version) -> None:
        bundle = packaging.build(version, log=quiet)

        assert [path.name for path in bundle.path.parent.iterdir()] == ["1"]

    def test_what_was_not_built_is_not_found(self, packaging: PackagingService, version: Version) -> None:
        with pytest.raises(NotFound) as caught:
            packaging.bundle(version)

        assert caught.value.code == "bundle_not_found"


class TestRefusals:
    @pytest.mark.parametrize("path", ["model.pkl", "added.txt"])
    def test_a_file_that_is_not_what_was_registered_is_named(
        self, packaging: PackagingService, version: Version, tracking: FakeTracking, path: str
    ) -> None:
        tracking.change_file(version.model_uri, path, b"somebody else's")

        with pytest.raises(Conflict, match=path) as caught:
            packaging.build(version, log=quiet)

        assert caught.value.code == "artifact_changed"
        with pytest.raises(NotFound):
            packaging.bundle(version)

    def test_a_model_that_no_runtime_can_know_is_refused(
        self,
        packaging: PackagingService,
        registry: RegistryService,
        alice: Principal,
        log_model: Callable[..., LoggedModel],
    ) -> None:
        version = registry.register(alice, model_name="iris", logged=log_model(files={"MLmodel": b"flavors: {}\n"}))

        with pytest.raises(Invalid) as caught:
            packaging.build(version, log=quiet)

        assert caught.value.code == "model_not_servable"

    def test_a_tracker_that_does_not_answer_makes_it_unavailable(
        self, packaging: PackagingService, version: Version, tracking: FakeTracking
    ) -> None:
        tracking.is_available = False

        with pytest.raises(Unavailable):
            packaging.build(version, log=quiet)

    def test_another_tenants_version_has_a_bundle_of_its_own(
        self, packaging: PackagingService, version: Version
    ) -> None:
        packaging.build(version, log=quiet)

        with pytest.raises(NotFound):
            packaging.bundle(replace(version, tenant_id="elsewhere"))
