import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_digits

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import TensorSpec

torch = pytest.importorskip("torch", reason="needs the extra torch")

Save = Callable[..., Path]
Open = Callable[..., OpenedModel]
Answer = Callable[..., Any]


@pytest.fixture(scope="module")
def digits() -> npt.NDArray[np.float32]:
    images: npt.NDArray[Any] = load_digits(return_X_y=True)[0]
    return images.astype(np.float32)


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10)).eval()


def _expected(network: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        answer: npt.NDArray[np.float32] = network(torch.from_numpy(x)).numpy()
    return answer


class TestMlflowFolders:
    @pytest.mark.parametrize("serialization", ["pt2", "pickle"])
    def test_a_network_answers_as_mlflow_does(
        self,
        serialization: str,
        digits: npt.NDArray[np.float32],
        network: Any,
        save_model: Save,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        signature = mlflow.models.infer_signature(digits, _expected(network, digits))
        path = save_model(
            mlflow.pytorch, network, signature=signature, input_example=digits[:4], serialization_format=serialization
        )
        served = opened(path)
        assert served.model.signature.inputs == (TensorSpec("input", Datatype.FP32, (-1, 64)),)
        np.testing.assert_array_equal(answer(served, inputs=digits)["predictions"], mlflow_answer(path, digits))
        np.testing.assert_array_equal(answer(served, inputs=digits[:1])["predictions"], mlflow_answer(path, digits[:1]))

    def test_columns_go_to_the_network_side_by_side(
        self,
        network: Any,
        digits: npt.NDArray[np.float32],
        save_model: Save,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(digits.astype(float), columns=[f"pixel_{index}" for index in range(64)])
        signature = mlflow.models.infer_signature(frame)
        path = save_model(mlflow.pytorch, network, signature=signature, serialization_format="pickle")
        columns = {name: frame[name].tolist() for name in frame.columns}
        np.testing.assert_array_equal(answer(opened(path), inputs=columns)["predictions"], mlflow_answer(path, frame))


class TestFiles:
    def test_an_exported_program_tells_its_own_signature(
        self, network: Any, digits: npt.NDArray[np.float32], tmp_path: Path, opened: Open, answer: Answer
    ) -> None:
        shapes = ({0: torch.export.Dim.AUTO},)
        program = torch.export.export(network, (torch.from_numpy(digits[:4]),), dynamic_shapes=shapes)
        torch.export.save(program, str(tmp_path / "digits.pt2"))
        served = opened(tmp_path / "digits.pt2")
        (spec,) = served.model.signature.inputs
        assert (spec.datatype, spec.shape) == (Datatype.FP32, (-1, 64))
        assert served.model.signature.outputs == (TensorSpec("predictions", Datatype.FP32, (-1, 10)),)
        np.testing.assert_array_equal(answer(served, inputs=digits)["predictions"], _expected(network, digits))
        assert served.example == {"inputs": digits[:4].tolist()}

    def test_torchscript_of_several_inputs_and_outputs_is_served(
        self, tmp_path: Path, opened: Open, answer: Answer
    ) -> None:
        class Both(torch.nn.Module):  # type: ignore[name-defined,misc]  # torch is imported only where it is installed.
            def forward(self, left: Any, right: Any) -> Any:
                return left + right, left - right

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.trace(Both(), (torch.zeros(2, 2), torch.zeros(2, 2))).save(str(tmp_path / "both.pt"))
        outputs = answer(opened(tmp_path / "both.pt"), inputs={"left": [[1.0, 2.0]], "right": [[10.0, 20.0]]})
        assert outputs["predictions_0"].tolist() == [[11.0, 22.0]]
        assert outputs["predictions_1"].tolist() == [[-9.0, -18.0]]

    def test_a_pickled_module_is_refused(self, network: Any, tmp_path: Path, opened: Open) -> None:
        torch.save(network, tmp_path / "network.pt")
        with pytest.raises(InvalidModel, match="is a pickle, not TorchScript"):
            opened(tmp_path / "network.pt")

    @pytest.mark.parametrize("suffix", [".pt", ".pt2"])
    def test_a_file_that_is_no_model_is_refused(self, suffix: str, tmp_path: Path, opened: Open) -> None:
        (tmp_path / f"bad{suffix}").write_bytes(b"nothing")
        with pytest.raises(InvalidModel, match="is not a PyTorch model"):
            opened(tmp_path / f"bad{suffix}")
