import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidModel

Open = Callable[..., OpenedModel]
Answer = Callable[..., Any]

SOURCE = """
import numpy as np
from modelyard_serving.user_model import Datatype, Signature, TensorSpec, UserModel

class Scaler(UserModel):
    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP64, (-1, 2)),),
        outputs=(TensorSpec("y", Datatype.FP64, (-1, 2)), TensorSpec("who", Datatype.BYTES, (-1,), optional=True)),
        params={"factor": 2},
    )
    example = {"inputs": {"x": [[1, 2]]}}

    def load(self):
        self.name = "me"

    def predict(self, inputs, parameters):
        return {"y": inputs["x"] * parameters["factor"], "who": np.array([self.name] * len(inputs["x"]))}

class Forgetful(Scaler):
    def predict(self, inputs, parameters):
        return {}

class Undeclared(UserModel):
    pass

class Stranger:
    pass
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_models.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.delitem(sys.modules, "my_models", raising=False)


class TestUserModels:
    def test_a_class_in_the_working_directory_is_served(self, opened: Open, answer: Answer) -> None:
        model = opened(Path("my_models:Scaler"))
        assert (model.name, model.example) == ("Scaler", {"inputs": {"x": [[1, 2]]}})
        assert {name: values.tolist() for name, values in answer(model, inputs={"x": [[1, 2]]}).items()} == {
            "y": [[2, 4]]
        }

    def test_optional_outputs_and_parameters_reach_it(self, opened: Open, answer: Answer) -> None:
        outputs = answer(opened(Path("my_models:Scaler")), inputs=[[1, 2]], outputs=["who", "y"], params={"factor": 10})
        assert outputs["who"].tolist() == ["me"]
        assert outputs["y"].tolist() == [[10, 20]]

    def test_an_output_that_it_forgets_is_its_own_fault(self, opened: Open, answer: Answer) -> None:
        with pytest.raises(LookupError, match=r"Forgetful\.predict gave no output 'y'"):
            answer(opened(Path("my_models:Forgetful")), inputs=[[1, 2]])

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("my_models:Stranger", "expected a subclass of modelyard_serving.user_model.UserModel"),
            ("my_models:Nobody", "expected a subclass"),
            ("my_models:Undeclared", "the class declares no signature"),
            ("nowhere:Model", "there is no Python module 'nowhere'"),
        ],
    )
    def test_a_name_that_is_no_model_is_refused(self, path: str, message: str, opened: Open) -> None:
        with pytest.raises(InvalidModel, match=message):
            opened(Path(path))
