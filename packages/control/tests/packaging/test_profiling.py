"""The profile of training data at packaging: from the run's own file, read with suspicion, never a reason to fail."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.runner import FakeEnd, FakeRunner
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.errors import Unavailable
from modelyard.packaging.domain import Bundle
from modelyard.packaging.profiling import PROFILE_FILE, TrialProfiler
from modelyard.packaging.service import PackagingService
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec
from modelyard.registry.domain import Version

LIMITS = Limits(seconds=60, memory_bytes=1 << 30, output_bytes=1 << 20, disk_bytes=1 << 30)
FEATURE = {
    "side": "input",
    "tensor": "age",
    "column": None,
    "edges": [1.0],
    "categories": None,
    "bins": [2, 3],
    "missing": 0,
    "unseen": 0,
}
PROFILE = {"schema": "modelyard.training-profile/1", "rows": 5, "features": [FEATURE], "left_out": []}

Build = Callable[[FakeRunner], tuple[Bundle, list[str]]]


def _trial(profile: Any, exit_code: int = 0) -> Callable[[RunSpec], FakeEnd]:
    content = profile if isinstance(profile, bytes) else json.dumps(profile).encode()
    end = FakeEnd(RunOutcome(RunPhase.FINISHED, exit_code=exit_code), {PROFILE_FILE: content}, "a reason")
    return lambda _: end


@pytest.fixture
def build(packaging: PackagingService, tracking: FakeTracking, clock: ManualClock, version: Version) -> Build:
    """Packages a version, the profile being what the runner's script makes of it."""

    def run(runner: FakeRunner) -> tuple[Bundle, list[str]]:
        packaging._profiler = TrialProfiler(tracking=tracking, runner=runner, clock=clock, limits=LIMITS)
        log: list[str] = []
        return packaging.build(version, log=log.append), log

    return run


@pytest.fixture
def logged(tracking: FakeTracking, version: Version) -> None:
    """The run logged its training data."""
    assert version.run_id is not None
    tracking.log_file(version.run_id, "training_data.json", b'{"columns": ["age"], "data": [[1]]}')


class TestAVersionWhoseRunLoggedItsTrainingData:
    @pytest.mark.usefixtures("logged")
    def test_its_bundle_holds_the_profile_which_the_server_names_by_its_digest(
        self, build: Build, packaging: PackagingService, version: Version
    ) -> None:
        runner = FakeRunner(_trial(PROFILE))
        bundle, _ = build(runner)
        content = (bundle.path / PROFILE_FILE).read_bytes()
        assert packaging.bundle(version).profile == {**PROFILE, "digest": sha256(content).hexdigest()}
        assert PROFILE_FILE in json.loads((bundle.path / "manifest.json").read_text())["files"]
        (spec,) = runner.started
        assert (spec.python_environment, set(spec.inputs)) == (
            bundle.lock_digest,
            {"MODELYARD_MODEL", "MODELYARD_TRAINING_DATA"},
        )

    @pytest.mark.usefixtures("logged")
    @pytest.mark.parametrize(
        ("profile", "exit_code"),
        [
            (PROFILE, 1),
            (b"{", 0),
            (b"[]", 0),
            ({"features": []}, 0),
            ({**PROFILE, "features": [{**FEATURE, "bins": [1]}]}, 0),
            ({**PROFILE, "features": [{**FEATURE, "bins": ["x", 1]}]}, 0),
            ({**PROFILE, "features": [{**FEATURE, "edges": [2, 1], "bins": [0, 0, 0]}]}, 0),
            ({**PROFILE, "features": [{**FEATURE, "tensor": f"f{index}"} for index in range(200)]}, 0),
            (b" " * 2_000_000, 0),
        ],
    )
    def test_what_is_no_profile_is_left_out_and_the_version_is_built(
        self, build: Build, profile: Any, exit_code: int
    ) -> None:
        bundle, log = build(FakeRunner(_trial(profile, exit_code)))
        assert bundle.profile is None
        assert not (bundle.path / PROFILE_FILE).exists()
        assert any(line.startswith("no training profile: drift cannot be judged") for line in log)

    @pytest.mark.usefixtures("logged")
    def test_while_the_tracker_is_away_it_is_not_built_without(self, build: Build, tracking: FakeTracking) -> None:
        tracking.run_file = _away  # type: ignore[method-assign]  # Only this call, after the download.
        with pytest.raises(Unavailable):
            build(FakeRunner(_trial(PROFILE)))


def _away(*_: Any, **__: Any) -> Any:
    raise Unavailable("The tracker does not answer.", code="tracking_unavailable")


class TestAVersionWithoutTrainingData:
    def test_nothing_is_run_and_the_log_says_what_is_missing(self, build: Build) -> None:
        runner = FakeRunner(_trial(PROFILE))
        bundle, log = build(runner)
        assert (bundle.profile, runner.started) == (None, [])
        assert any("the run logged none of training_data.json" in line for line in log)
