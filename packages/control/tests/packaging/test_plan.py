"""Which runtime serves a logged model, and what its environment holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelyard.errors import Invalid
from modelyard.packaging.plan import plan_serving

PYFUNC = {"loader_module": "mlflow.sklearn", "model_path": "model.pkl"}
COLUMNS = [{"type": "double", "name": "age", "required": True}, {"type": "string", "name": "city", "required": True}]
TENSOR = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes an MLflow model folder, as `log_model` does."""

    def make(
        flavors: dict[str, Any], *, requirements: str = "mlflow==3.17.2\n", inputs: list[dict[str, Any]] | None = None
    ) -> Path:
        signature = None if inputs is None else {"inputs": json.dumps(inputs), "outputs": None, "params": None}
        (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors, "signature": signature}))
        (tmp_path / "requirements.txt").write_text(requirements)
        return tmp_path

    return make


class TestRuntime:
    @pytest.mark.parametrize(
        ("flavor", "runtime"),
        [
            *(("sklearn", "sklearn"), ("xgboost", "xgboost"), ("lightgbm", "lightgbm"), ("catboost", "catboost")),
            *(("pytorch", "torch"), ("onnx", "onnx"), ("statsmodels", "pyfunc"), ("keras", "pyfunc")),
        ],
    )
    def test_a_flavor_is_served_by_its_runtime(self, make_model: MakeModel, flavor: str, runtime: str) -> None:
        folder = make_model({"python_function": PYFUNC, flavor: {"code": None}})

        assert plan_serving(folder).runtime == runtime

    @pytest.mark.parametrize(
        ("code", "runtime"),
        [
            (
                "import json\nimport numpy.linalg as la\nfrom sklearn.base import clone\nimport words\n",
                "sklearn",
            ),
            ("from . import words\nimport ratio.more\nimport pandas\n", "sklearn"),
            ("def late():\n    import mlflow.pyfunc\n", "pyfunc"),
            ("import requests\n", "pyfunc"),
            ("this is no Python", "pyfunc"),
        ],
    )
    def test_code_that_needs_nothing_besides_is_served_by_scikit_learns_own_runtime_and_other_code_by_mlflow(
        self, make_model: MakeModel, code: str, runtime: str
    ) -> None:
        flavors = {"python_function": {**PYFUNC, "code": "code"}, "sklearn": {"code": "code"}}
        folder = make_model(flavors, requirements="mlflow==3.17.2\npandas==2.3.3\n")
        (folder / "code" / "ratio").mkdir(parents=True)
        (folder / "code" / "words.py").write_text("WORDS = []\n")
        (folder / "code" / "ratio" / "__init__.py").write_text(code)

        assert plan_serving(folder).runtime == runtime

    @pytest.mark.parametrize("code", ["../code", "/etc", "missing", 7])
    def test_code_that_is_not_in_the_models_folder_is_left_to_mlflow(self, make_model: MakeModel, code: object) -> None:
        assert plan_serving(make_model({"sklearn": {"code": code}})).runtime == "pyfunc"

    def test_code_of_another_flavor_is_left_to_mlflow(self, make_model: MakeModel) -> None:
        folder = make_model({"python_function": {**PYFUNC, "code": "code"}, "xgboost": {"code": "code"}})
        (folder / "code").mkdir()

        assert plan_serving(folder).runtime == "pyfunc"

    @pytest.mark.parametrize("content", ["", "- a list\n", "flavors: {}\n", "flavors: none\n"])
    def test_what_is_no_mlflow_model_is_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "MLmodel").write_text(content)

        with pytest.raises(Invalid) as caught:
            plan_serving(tmp_path)

        assert caught.value.code == "model_not_servable"

    def test_a_folder_without_a_description_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="MLmodel"):
            plan_serving(tmp_path)


class TestRequirements:
    def test_a_native_runtime_needs_no_mlflow(self, make_model: MakeModel) -> None:
        requirements = "mlflow==3.17.2\nmlflow-skinny==3.17.2\ncloudpickle==3.1.2\n\n# a comment\nscikit-learn==1.9.1\n"
        plan = plan_serving(make_model({"sklearn": {}}, requirements=requirements))

        assert plan.requirements == ("cloudpickle==3.1.2", "scikit-learn==1.9.1")
        assert plan.server_extras == ("sklearn",)

    def test_mlflow_is_kept_where_only_mlflow_loads_the_model(self, make_model: MakeModel) -> None:
        plan = plan_serving(make_model({"python_function": PYFUNC}, requirements="mlflow==3.17.2\nprophet==1.1.7\n"))

        assert plan.requirements == ("mlflow==3.17.2", "prophet==1.1.7")
        assert plan.server_extras == ("mlflow", "frames")

    def test_a_model_without_requirements_needs_none(self, make_model: MakeModel) -> None:
        folder = make_model({"sklearn": {}})
        (folder / "requirements.txt").unlink()

        assert plan_serving(folder).requirements == ()

    @pytest.mark.parametrize(
        "line", ["--extra-index-url https://index.example", "-r more.txt", "a @ https://a.example/a.whl", "./a.whl"]
    )
    def test_a_requirement_that_is_no_name_is_refused(self, make_model: MakeModel, line: str) -> None:
        with pytest.raises(Invalid, match=r"requirements\.txt") as caught:
            plan_serving(make_model({"sklearn": {}}, requirements=f"numpy\n{line}\n"))

        assert caught.value.code == "model_not_servable"

    @pytest.mark.parametrize(
        ("inputs", "extras"),
        [(COLUMNS, ("sklearn", "frames")), (TENSOR, ("sklearn",)), (None, ("sklearn",))],
        ids=["frame", "tensor", "undeclared"],
    )
    def test_a_model_that_takes_a_frame_needs_frames(
        self, make_model: MakeModel, inputs: list[dict[str, Any]] | None, extras: tuple[str, ...]
    ) -> None:
        assert plan_serving(make_model({"sklearn": {}}, inputs=inputs)).server_extras == extras
