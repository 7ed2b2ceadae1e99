"""The Python of a version's environment: the model's own, the platform's with a warning, or a refusal."""

import tomllib
from pathlib import Path

import pytest

from modelyard.adapters.environments import FakeEnvironments
from modelyard.errors import Invalid
from modelyard.packaging.plan import ServingPlan, plan_serving
from modelyard.packaging.python import SERVER_PYTHON, lock_with_its_python, refuse_unservable_python


def plan_of(folder: Path, *, flavor: str = "sklearn", **files: str) -> ServingPlan:
    (folder / "MLmodel").write_text(f"flavors:\n  python_function: {{python_version: 3.12.1}}\n  {flavor}: {{}}\n")
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return plan_serving(folder)


class TestPlans:
    def test_the_python_of_a_pickle_is_what_its_files_say(self, tmp_path: Path) -> None:
        assert plan_of(tmp_path).python == "3.12.1"
        assert plan_of(tmp_path, python_env__yaml="python: 3.9.18\n").requires_python == "==3.9.*"

    def test_a_format_of_data_has_none(self, tmp_path: Path) -> None:
        assert plan_of(tmp_path, flavor="xgboost").requires_python == ""

    def test_constraints_and_hashes_of_a_model_are_read(self, tmp_path: Path) -> None:
        digest = f"--hash=sha256:{'a' * 64}"
        requirements = f"-c constraints.txt\nmlflow==3.17.2 {digest}\npandas==3.1.1 {digest}\n"
        plan = plan_of(tmp_path, requirements__txt=requirements, constraints__txt="numpy<3\n")

        assert (plan.requirements, plan.constraints) == ((f"pandas==3.1.1 {digest}",), ("numpy<3",))

    def test_an_index_in_a_models_requirements_is_refused_by_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match=r"the model's requirements\.txt, line 1: --extra-index-url") as caught:
            plan_of(tmp_path, requirements__txt="--extra-index-url https://a.example\npandas\n")

        assert caught.value.code == "model_not_servable"


class TestLocks:
    @pytest.fixture
    def environments(self, tmp_path: Path) -> FakeEnvironments:
        return FakeEnvironments(tmp_path / "environments")

    @pytest.mark.parametrize("python", ["3.9.18", "3.99.0"])
    def test_a_library_format_of_a_python_that_cannot_be_had_is_served_with_a_warning(
        self, environments: FakeEnvironments, python: str
    ) -> None:
        reported: list[str] = []
        plan = ServingPlan("sklearn", ("sklearn",), ("scikit-learn==1.5.0",), python=python)
        lock = lock_with_its_python(environments, plan, plan.server_extras, constraints="", log=reported.append)

        assert "scikit-learn==1.5.0" in lock.text
        assert f"warning: the model was made by Python {python}" in reported[0]

    @pytest.mark.parametrize(("python", "code"), [("3.9.18", "python_unservable"), ("3.99.0", "python_unavailable")])
    def test_code_of_such_a_python_is_refused(self, environments: FakeEnvironments, python: str, code: str) -> None:
        plan = ServingPlan("pyfunc", ("mlflow",), (), python=python)
        with pytest.raises(Invalid) as caught:
            lock_with_its_python(environments, plan, plan.server_extras, constraints="", log=print)

        assert caught.value.code == code


class TestTheServersPython:
    def test_it_is_what_the_distribution_says(self) -> None:
        serving = Path(__file__).parents[3] / "serving" / "pyproject.toml"

        assert tomllib.loads(serving.read_text())["project"]["requires-python"] == SERVER_PYTHON

    def test_an_earlier_one_is_refused_before_training(self) -> None:
        refuse_unservable_python("3.12.1")
        refuse_unservable_python(None)
        with pytest.raises(Invalid, match="requires-python"):
            refuse_unservable_python("3.10")
