"""A model is opened by the very check of the model server, in a process of its own; what fails is reported plainly."""

import json
import pickle
import sys
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.runner import LocalRunner
from modelyard.errors import Invalid
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.packaging.opening import Failure, TrialOpening
from modelyard.ports.environments import LogLine
from modelyard.ports.runner import Limits

LIMITS = Limits(seconds=60, memory_bytes=2 << 30, output_bytes=1 << 20, disk_bytes=1 << 30)
SKLEARN = "flavors:\n  sklearn: {pickled_model: model.pkl, serialization_format: pickle}\n"
EXAMPLE = {"serving_input_path": "serving_input_example.json", "artifact_path": "input_example.json"}


@pytest.fixture
def opening(tmp_path: Path) -> TrialOpening:
    """Runs in the Python of the tests, which has the server and scikit-learn."""
    return TrialOpening(
        environments=FakeEnvironments(tmp_path / "environments"),
        runner=LocalRunner(
            tmp_path / "runs", python=lambda _: Path(sys.executable), grace_seconds=1, isolation=NO_ISOLATION
        ),
        clock=SystemClock(),
        limits=LIMITS,
        is_compiled=False,
    )


def model(folder: Path, pickled: bytes, *, mlmodel: str = SKLEARN) -> Path:
    place = folder / "model"
    place.mkdir()
    (place / "MLmodel").write_text(mlmodel)
    (place / "model.pkl").write_bytes(pickled)
    return place


def open_it(opening: TrialOpening, place: Path) -> Failure | None:
    return opened(opening, place, lambda _: None)


def opened(opening: TrialOpening, place: Path, log: LogLine) -> Failure | None:
    scratch = place.parent / "scratch"
    scratch.mkdir()
    return opening.open(place, scratch, constraints="", log=log)


def reference(module: str, name: str) -> bytes:
    """A pickle of one name of a module."""
    return f"c{module}\n{name}\n.".encode()


@pytest.mark.skipif(sys.platform != "linux", reason="the local runner is for Linux")
class TestOpening:
    def test_a_class_of_the_script_is_reported_with_what_to_do(self, opening: TrialOpening, tmp_path: Path) -> None:
        failure = open_it(opening, model(tmp_path, reference("__main__", "Ratio")))
        assert failure == Failure(
            "Your class `Ratio` is defined in the script; the server cannot import it: log it with `code_paths`, or "
            "define it in a module of your project"
        )

    def test_a_module_that_is_not_there_is_named(self, opening: TrialOpening, tmp_path: Path) -> None:
        failure = open_it(opening, model(tmp_path, reference("features.ratio", "Ratio")))
        assert failure is not None
        assert (failure.module, "needs the Python module `features`" in failure.message) == ("features", True)

    def test_a_name_that_the_served_version_has_not_is_named(self, opening: TrialOpening, tmp_path: Path) -> None:
        failure = open_it(opening, model(tmp_path, reference("json", "OldName")))
        assert failure is not None
        assert "needs `OldName` of the Python module `json`" in failure.message

    def test_a_model_with_its_code_beside_it_is_opened(self, opening: TrialOpening, tmp_path: Path) -> None:
        code = SKLEARN.replace("pickle}", "pickle, code: code}")
        code += "  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl, code: code}\n"
        place = model(tmp_path, b"cratio\nRatio\n(tR.", mlmodel=code)
        (place / "code").mkdir()
        (place / "code" / "ratio.py").write_text(
            "class Ratio:\n    n_features_in_ = 1\n    def predict(self, rows):\n        return [0.0 for _ in rows]\n"
        )
        assert open_it(opening, place) is None

    def test_what_is_no_model_is_refused(self, opening: TrialOpening, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="is not an MLflow model"):
            open_it(opening, model(tmp_path, b"", mlmodel="{}"))

    def test_an_example_that_is_no_right_request_stops_no_model(self, opening: TrialOpening, tmp_path: Path) -> None:
        reported: list[str] = []
        place = logged(tmp_path, LinearRegression().fit([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0]), {"inputs": [0.5, 1.5]})
        assert opened(opening, place, reported.append) is None
        assert "warning: the model opens, and refuses its own input example: input 'input': expected" in reported[-1]

    def test_a_model_that_breaks_on_its_own_example_is_not_taken(self, opening: TrialOpening, tmp_path: Path) -> None:
        failure = opened(opening, logged(tmp_path, DummyRegressor(), {"inputs": [[0.5, 1.5]]}), lambda _: None)
        assert failure is not None
        assert "opens, and does not answer its own input example: " in failure.message


def logged(folder: Path, estimator: BaseEstimator, example: object) -> Path:
    """A model with the request that MLflow wrote of its example."""
    place = model(folder, pickle.dumps(estimator), mlmodel=SKLEARN + "saved_input_example_info: " + json.dumps(EXAMPLE))
    (place / EXAMPLE["serving_input_path"]).write_text(json.dumps(example))
    return place
