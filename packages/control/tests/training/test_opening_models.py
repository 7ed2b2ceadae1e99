"""A job's model is opened by the model server's own check; a module that only the run has is added to it first."""

import sys
from pathlib import Path

import pytest

from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.runner import FakeRunner, LocalRunner
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.errors import Invalid, NotFound
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.packaging.opening import TrialOpening
from modelyard.packaging.service import PackagingService
from modelyard.ports.runner import Limits
from modelyard.ports.tracking import LoggedModel
from modelyard.training.opening import OpeningModels
from modelyard.training.project_code import RunFiles

MLMODEL = b"flavors:\n  sklearn: {pickled_model: model.pkl, serialization_format: pickle, code: null}\n"
RATIO = "from words import WORDS\nclass Ratio:\n    def predict(self, rows):\n        return [0.0 for _ in rows]\n"


@pytest.fixture
def opening(tracking: FakeTracking, packaging: PackagingService, tmp_path: Path) -> OpeningModels:
    """In the Python of the tests, which has the server and scikit-learn."""
    trial = TrialOpening(
        environments=FakeEnvironments(tmp_path / "environments"),
        runner=LocalRunner(
            tmp_path / "runs", python=lambda _: Path(sys.executable), grace_seconds=1, isolation=NO_ISOLATION
        ),
        clock=SystemClock(),
        limits=Limits(seconds=60, memory_bytes=2 << 30, output_bytes=1 << 20, disk_bytes=1 << 30),
        is_compiled=False,
    )
    return OpeningModels(tracking=tracking, packaging=packaging, opening=trial, scratch=tmp_path / "scratch")


@pytest.fixture
def logged(tracking: FakeTracking) -> LoggedModel:
    """A model whose class is in a module of the project, which imports another one."""
    files = {"MLmodel": MLMODEL, "model.pkl": b"cratio\nRatio\n(tR."}
    return tracking.log_model(tracking.log_run("iris"), "model", files)


@pytest.fixture
def run(runner: FakeRunner) -> RunFiles:
    """A run whose project has both."""
    runner.write("job-1/1", "ratio.py", RATIO.encode())
    runner.write("job-1/1", "words.py", b"WORDS = ()\n")
    return RunFiles(runner, "job-1/1")


def prove(opening: OpeningModels, logged: LoggedModel, run: RunFiles) -> list[str]:
    """What the job's log says of the opening."""
    reported: list[str] = []
    opening.prove(logged, lock_digest="", run=run, script_name="train.py", log=reported.append)
    return reported


@pytest.mark.skipif(sys.platform != "linux", reason="the local runner is for Linux")
class TestOpeningModels:
    def test_the_projects_modules_that_a_model_needs_are_added_to_its_files(
        self, opening: OpeningModels, logged: LoggedModel, run: RunFiles, tracking: FakeTracking, tmp_path: Path
    ) -> None:
        reported = prove(opening, logged, run)
        assert "added to the model's code, from the run's folder: code/ratio.py, code/words.py, MLmodel" in reported
        stored = tmp_path / "stored"
        stored.mkdir()
        tracking.download(logged.uri, stored)
        assert (stored / "code" / "ratio.py").read_text() == RATIO
        assert "code: code" in (stored / "MLmodel").read_text()
        assert "added" not in " ".join(prove(opening, logged, run))  # What is registered now opens by itself.

    def test_a_module_that_the_project_has_not_either_is_named(
        self, opening: OpeningModels, logged: LoggedModel, run: RunFiles, runner: FakeRunner
    ) -> None:
        runner.discard(run.run_key)
        with pytest.raises(Invalid, match="needs the Python module `ratio`") as caught:
            prove(opening, logged, run)
        assert caught.value.code == "model_not_openable"

    def test_a_model_whose_files_are_gone_is_reported_as_that(
        self, opening: OpeningModels, logged: LoggedModel, run: RunFiles, tracking: FakeTracking
    ) -> None:
        tracking.purge_model(logged.uri)
        with pytest.raises(NotFound) as caught:
            prove(opening, logged, run)
        assert caught.value.code == "artifact_missing"
