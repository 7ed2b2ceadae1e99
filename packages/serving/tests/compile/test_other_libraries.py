"""CatBoost and PyTorch export themselves; the trial is the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from modelyard_serving.compile.compiler import compile_model
from modelyard_serving.compile.speed import Speed
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.compiled import CompiledModel
from modelyard_serving.runtimes.onnx import open_session


def _fast(original: Model, compiled: Model, rows: Tensors) -> list[Speed]:
    return [Speed(rows=1, original_s=1e-3, compiled_s=1e-4)]


def _assert_compiled(original: Model, x: Any) -> None:
    name = original.signature.inputs[0].name
    compilation = compile_model(original, {name: x[:30]}, measure=_fast)
    assert compilation.report.accepted, compilation.report.reasons
    assert compilation.graph is not None
    assert compilation.description is not None
    compiled = CompiledModel(open_session(compilation.graph), compilation.description)
    names = [spec.name for spec in original.signature.outputs]
    for output, expected in original.predict({name: x}, outputs=names).items():
        np.testing.assert_allclose(compiled.predict({name: x}, outputs=names)[output], expected, rtol=1e-5, atol=1e-6)


class TestCatboost:
    @pytest.mark.parametrize("classes", [2, 10])
    def test_a_classifier_is_compiled(self, classes: int, tmp_path: Path, opened: Any) -> None:
        catboost = pytest.importorskip("catboost", reason="needs the extra catboost")
        x, y = load_digits(return_X_y=True)
        model = catboost.CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False).fit(x, y % classes)
        model.save_model(str(tmp_path / "digits.cbm"))
        _assert_compiled(opened(tmp_path / "digits.cbm").model, x)


class TestTorch:
    def test_an_exported_program_is_compiled(self, tmp_path: Path, opened: Any) -> None:
        torch = pytest.importorskip("torch", reason="needs the extra torch")
        pytest.importorskip("onnxscript", reason="needs the extra compile")
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10)).eval()
        x = load_digits(return_X_y=True)[0].astype(np.float32)
        shapes = ({0: torch.export.Dim.AUTO},)
        program = torch.export.export(network, (torch.from_numpy(x[:4]),), dynamic_shapes=shapes)
        torch.export.save(program, str(tmp_path / "digits.pt2"))
        _assert_compiled(opened(tmp_path / "digits.pt2").model, x)
