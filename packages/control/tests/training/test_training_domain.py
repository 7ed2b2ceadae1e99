"""What a script may ask for, what it sees, and which of its models is meant."""

import json

import pytest

from modelyard.errors import Invalid
from modelyard.ports.tracking import LoggedModel
from modelyard.training.domain import (
    MAX_REQUIREMENTS,
    parse_requirements,
    script_environment,
    with_own_requirement,
)


def logged(name: str, number: int = 1) -> LoggedModel:
    return LoggedModel(f"m-{name}-{number}", name, "run", f"models:/m-{name}-{number}", "mlflow-artifacts:/x", "iris")


class TestRequirements:
    @pytest.mark.parametrize(
        ("given", "parsed"),
        [
            ("scikit-learn", "scikit-learn"),
            (" numpy >= 1.26 , < 3 ", "numpy<3,>=1.26"),
            ("pandas[parquet,excel]==3.1.1", "pandas[excel,parquet]==3.1.1"),
            ("tomli; python_version < '3.11'", 'tomli; python_version < "3.11"'),
            ("torch==2.13.0+cpu", "torch==2.13.0+cpu"),
        ],
    )
    def test_names_with_versions_extras_and_markers_pass(self, given: str, parsed: str) -> None:
        assert parse_requirements([given]) == (parsed,)

    @pytest.mark.parametrize(
        "given",
        [
            *("-r other.txt", "--index-url https://index.example/simple", "-e .", "./package", "/tmp/package"),
            *("numpy @ https://files.example/numpy.whl", "git+https://git.example/a.git", "https://a.example/b.whl"),
            *(
                "package @ file:///tmp/package",
                "numpy\n--index-url x",
                "numpy; os_name != 'a\n-e .'",
                "numpy # why",
            ),
            *("", " ", "numpy ==", "numpy scikit-learn", "${HOME}", "a" * 201),
        ],
    )
    def test_anything_else_is_refused_with_its_place(self, given: str) -> None:
        with pytest.raises(Invalid) as caught:
            parse_requirements(["numpy", given])

        assert caught.value.code == "requirement_invalid"
        assert caught.value.field == "requirements.1"
        assert "expected a package's name with versions" in caught.value.message
        assert len(caught.value.message) < 300

    def test_too_many_are_refused(self) -> None:
        with pytest.raises(Invalid) as caught:
            parse_requirements(["numpy"] * (MAX_REQUIREMENTS + 1))

        assert caught.value.field == "requirements"
        assert len(parse_requirements(["numpy"] * MAX_REQUIREMENTS)) == MAX_REQUIREMENTS

    @pytest.mark.parametrize("given", [["numpy"], ["numpy", "mlflow"], ["mlflow[extras]"], ["mlflow-skinny==3.1"]])
    def test_the_trackers_client_is_added(self, given: list[str]) -> None:
        assert with_own_requirement(given, "mlflow==3.17.2") == (*given, "mlflow==3.17.2")

    @pytest.mark.parametrize("given", [["mlflow<3"], ["numpy", "MLflow==2.22.0"]])
    def test_a_version_of_the_client_that_is_asked_for_is_kept(self, given: list[str]) -> None:
        assert with_own_requirement(given, "mlflow==3.17.2") == tuple(given)


class TestScriptEnvironment:
    @pytest.fixture
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        monkeypatch.setenv("MODELYARD_DATABASE_URL", "postgresql://user:secret@db.example/modelyard")
        return script_environment(
            tracking_uri="http://127.0.0.1:5000",
            experiment_name="breast cancer",
            tags={"modelyard.job_id": "1", "modelyard.run_key": "1/1"},
        )

    def test_it_points_at_the_tracker_and_the_experiment(self, environment: dict[str, str]) -> None:
        assert environment["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
        assert environment["MLFLOW_EXPERIMENT_NAME"] == "breast cancer"

    def test_every_run_is_tagged_by_it(self, environment: dict[str, str]) -> None:
        tags = {"modelyard.job_id": "1", "modelyard.run_key": "1/1"}

        assert json.loads(environment["MLFLOW_RUN_CONTEXT"]) == tags

    def test_its_places_are_left_to_the_runner(self, environment: dict[str, str]) -> None:
        assert not environment.keys() & {"PATH", "HOME", "TMPDIR"}

    def test_nothing_of_ours_is_in_it(self, environment: dict[str, str]) -> None:
        assert not [name for name in environment if name.startswith("MODELYARD")]
        assert "secret" not in " ".join(environment.values())
