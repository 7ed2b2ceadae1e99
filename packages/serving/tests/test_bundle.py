import pickle
from pathlib import Path

import numpy as np
import orjson
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from modelyard_serving.bundle import OpenedModel, open_model, write_manifest
from modelyard_serving.errors import InvalidModel


def _open(path: Path, *, trust_pickle: bool = False) -> OpenedModel:
    return open_model(str(path), name=None, version=None, trust_pickle=trust_pickle)


def _mlflow_folder(folder: Path) -> None:
    x, y = load_diabetes(return_X_y=True)
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(Ridge().fit(x, y)))
    (folder / "MLmodel").write_text(
        "run_id: run-1\nmodel_id: m-1\nflavors:\n"
        "  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}\n"
        "  sklearn: {pickled_model: model.pkl, serialization_format: pickle}\n"
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "ridge-bundle"
    folder.mkdir()
    _mlflow_folder(folder / "model")
    document = {
        "schema": "modelyard.bundle/1",
        "model": {"name": "ridge", "version": "3", "run_id": "run-1", "mlflow_uri": "models:/m-1"},
        "runtime": "sklearn",
        "source": "model",
        "created_at": "2026-11-21T10:00:00Z",
    }
    (folder / "bundle.json").write_bytes(orjson.dumps(document))
    (folder / "example.json").write_bytes(orjson.dumps({"inputs": [[0.0] * 10]}))
    write_manifest(folder)
    return folder


def _change(bundle: Path, **fields: object) -> None:
    document = orjson.loads((bundle / "bundle.json").read_bytes())
    (bundle / "bundle.json").write_bytes(orjson.dumps({**document, **fields}))
    write_manifest(bundle)


class TestBundle:
    def test_it_tells_what_it_is_and_predicts(self, bundle: Path) -> None:
        opened = _open(bundle)
        assert (opened.name, opened.version, opened.run_id, opened.mlflow_uri) == ("ridge", "3", "run-1", "models:/m-1")
        assert opened.example == {"inputs": [[0.0] * 10]}
        (prediction,) = opened.model.predict({"input": np.zeros((1, 10))})["predictions"]
        assert prediction == pytest.approx(152.133, abs=0.01)

    def test_the_callers_name_and_version_win(self, bundle: Path) -> None:
        opened = open_model(str(bundle), name="other", version="9", trust_pickle=False)
        assert (opened.name, opened.version) == ("other", "9")

    def test_a_changed_model_file_is_refused_before_anything_is_loaded(self, bundle: Path) -> None:
        (bundle / "model" / "model.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
        with pytest.raises(InvalidModel, match=r"'model/model\.pkl' was changed"):
            _open(bundle)

    def test_a_bundle_without_a_manifest_is_refused(self, bundle: Path) -> None:
        (bundle / "manifest.json").unlink()
        with pytest.raises(InvalidModel, match=r"has no manifest\.json"):
            _open(bundle)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"schema": "modelyard.bundle/2"}, "expected schema 'modelyard.bundle/1', got 'modelyard.bundle/2'"),
            ({"runtime": "tensorrt"}, "there is no runtime 'tensorrt'"),
            ({"source": "../elsewhere"}, "source '../elsewhere' is outside of the bundle"),
            ({"source": "compiled"}, "there is no source 'compiled'"),
            ({"model": {"name": None}}, "needs strings 'runtime', 'source' and 'model.name'"),
        ],
    )
    def test_a_wrong_field_is_refused(self, bundle: Path, fields: dict[str, object], message: str) -> None:
        _change(bundle, **fields)
        with pytest.raises(InvalidModel, match=message):
            _open(bundle)


class TestMlflowFolder:
    def test_it_is_named_after_its_folder_and_keeps_its_run(self, tmp_path: Path) -> None:
        _mlflow_folder(tmp_path / "diabetes")
        opened = _open(tmp_path / "diabetes")
        assert (opened.name, opened.run_id, opened.mlflow_uri) == ("diabetes", "run-1", "models:/m-1")

    def test_a_model_file_outside_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        _mlflow_folder(tmp_path / "diabetes")
        mlmodel = tmp_path / "diabetes" / "MLmodel"
        mlmodel.write_text(mlmodel.read_text().replace("pickled_model: model.pkl", "pickled_model: ../model.pkl"))
        with pytest.raises(InvalidModel, match=r"names '\.\./model\.pkl', which is outside of the folder"):
            _open(tmp_path / "diabetes")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "is not YAML"),
            ("flavors: 3", "names no flavors"),
            ("flavors: {spark: {}}", "only flavors that cannot predict"),
        ],
    )
    def test_an_mlmodel_that_is_none_is_refused(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "MLmodel").write_text(text)
        with pytest.raises(InvalidModel, match=message):
            _open(tmp_path)


class TestOtherPaths:
    def test_a_bare_pickle_is_refused_unless_it_is_trusted(self, tmp_path: Path) -> None:
        (tmp_path / "model.pkl").write_bytes(b"")
        with pytest.raises(InvalidModel, match="pass --trust-pickle"):
            _open(tmp_path / "model.pkl")

    def test_a_path_that_is_not_there_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidModel, match=r"there is no .*nowhere"):
            _open(tmp_path / "nowhere")

    def test_a_folder_that_is_no_model_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidModel, match=r"neither bundle\.json nor MLmodel"):
            _open(tmp_path)

    def test_a_file_of_an_unknown_format_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "model.h5").write_bytes(b"")
        with pytest.raises(InvalidModel, match=r"model\.h5 is not of a known format; expected one of"):
            _open(tmp_path / "model.h5")
