import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import orjson
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelyard_serving.bundle import open_model
from modelyard_serving.compile.cli import main
from modelyard_serving.errors import InvalidModel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow.sklearn


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = load_breast_cancer(return_X_y=True)
    path = tmp_path_factory.mktemp("mlflow") / "cancer"
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(model, path=str(path), input_example=x[:20], pip_requirements=[])
    return path


@pytest.fixture(scope="module")
def compiled(logged: Path) -> Path:
    assert (
        main([str(logged), "--name", "cancer", "--model-version", "3", "--report", str(logged.parent / "report.json")])
        == 0
    )
    return logged.with_name("cancer-compiled")


class TestCompiledBundle:
    def test_it_is_a_bundle_that_answers_as_the_original(self, logged: Path, compiled: Path) -> None:
        x, _ = load_breast_cancer(return_X_y=True)
        original, served = (
            open_model(str(path), name=None, version=None, trust_pickle=False) for path in (logged, compiled)
        )
        assert (served.name, served.version, served.model.platform) == ("cancer", "3", "onnx_onnxv1")
        assert served.example == original.example
        assert served.model.signature == original.model.signature
        for name, expected in original.model.predict({"input": x}, outputs=["predictions", "probabilities"]).items():
            np.testing.assert_allclose(
                served.model.predict({"input": x}, outputs=[name])[name], expected, rtol=1e-12, atol=1e-12
            )

    def test_it_has_neither_pickle_nor_the_training_stack(self, compiled: Path) -> None:
        assert sorted(path.name for path in compiled.rglob("*") if path.is_file()) == [
            "MLmodel",
            "bundle.json",
            "example.json",
            "graph.json",
            "manifest.json",
            "model.onnx",
            "report.json",
            "requirements.txt",
        ]
        program = (
            "import sys; from modelyard_serving.bundle import open_model;"
            f"model = open_model({str(compiled)!r}, name=None, version=None, trust_pickle=False).model;"
            "import numpy; model.predict({'input': numpy.zeros((1, 30))});"
            "print(*[name for name in ('sklearn', 'pandas', 'scipy', 'mlflow', 'onnx') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.split() == []

    def test_its_report_is_that_of_the_trial(self, logged: Path, compiled: Path) -> None:
        report = orjson.loads((compiled / "compiled" / "report.json").read_bytes())
        assert report["accepted"]
        assert report == orjson.loads((logged.parent / "report.json").read_bytes())

    def test_a_changed_graph_is_refused(self, compiled: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        subprocess.run(["cp", "-r", str(compiled), str(copy)], check=True)
        (copy / "compiled" / "graph.json").write_bytes(b"{}")
        with pytest.raises(InvalidModel, match=r"'compiled/graph\.json' was changed"):
            open_model(str(copy), name=None, version=None, trust_pickle=False)


class TestCommand:
    def test_what_stands_at_the_output_is_never_overwritten(
        self, logged: Path, compiled: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(logged)]) == 2
        assert "there is something at" in capsys.readouterr().err

    def test_a_model_without_an_example_is_reported(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.sklearn.save_model(
                make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y),
                path=str(tmp_path / "model"),
                pip_requirements=[],
            )
        assert main([str(tmp_path / "model")]) == 2
        assert "has no example" in capsys.readouterr().err
        (tmp_path / "rows.json").write_bytes(orjson.dumps({"inputs": x[:20].tolist()}))
        assert main([str(tmp_path / "model"), "--example", str(tmp_path / "rows.json"), "--json"]) == 0
        assert orjson.loads(capsys.readouterr().out)["accepted"]
        compiled = open_model(str(tmp_path / "model-compiled"), name=None, version=None, trust_pickle=False)
        assert compiled.example == {"inputs": x[:20].tolist()}  # Its server is warm by it, and gathers requests.

    def test_a_refused_translation_exits_with_one_and_writes_no_bundle(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "odd_model.py").write_text(
            "from modelyard_serving.user_model import *\n"
            "class Odd(UserModel):\n"
            "    signature = Signature(inputs=(TensorSpec('x', Datatype.FP64, (-1, 1)),),\n"
            "                          outputs=(TensorSpec('y', Datatype.FP64, (-1, 1)),))\n"
            "    example = {'inputs': [[1.0]]}\n"
            "    def predict(self, inputs, parameters): return {'y': inputs['x']}\n"
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        assert main(["odd_model:Odd", "--output", str(tmp_path / "out")]) == 1
        assert "not compiled: there is no translator" in capsys.readouterr().out
        assert not (tmp_path / "out").exists()
