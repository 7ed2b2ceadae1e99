"""An upload is opened by the model server's own check before it is a version; what cannot be opened leaves nothing."""

import pickle
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from access_platform import Platform
from httpx import Client
from sklearn.linear_model import LinearRegression
from uploading import ROOT, kept, model_tar, upload

FITTED = pickle.dumps(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))
SKLEARN = b"flavors:\n  sklearn: {pickled_model: model.pkl, serialization_format: pickle%s}\n"
PYFUNC = b"  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl%s}\n"
CODE = b", code: code"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("opens") / "home", runs=True) as platform:
        yield platform


@pytest.fixture
def owner(platform: Platform) -> Client:
    return platform.operator


def finished(platform: Platform, owner: Client, content: bytes, **body: Any) -> dict[str, Any]:
    """The job of an upload, when it has ended."""
    upload_id = upload(owner, content, **body)
    job_id = owner.post(f"{ROOT}/{upload_id}/finish").json()["job_id"]
    platform.engine.run_next()
    job: dict[str, Any] = owner.get(f"/mlops/jobs/{job_id}").json()
    return job


def archive(weights: bytes, code: bytes | None = None) -> bytes:
    """A scikit-learn model in MLflow's folder, perhaps with a module of its own, `ratio`."""
    if code is None:
        return model_tar(weights, MLmodel=SKLEARN % b"")
    mlmodel = SKLEARN % CODE + PYFUNC % CODE
    return model_tar(weights, MLmodel=mlmodel, **{"code/ratio.py": code})


@pytest.mark.skipif(sys.platform != "linux", reason="the local runner is for Linux")
class TestOpenedUploads:
    def test_what_its_server_opens_becomes_a_version(self, owner: Client, platform: Platform) -> None:
        job = finished(platform, owner, archive(FITTED), name="fitted")
        assert (job["status"], job["model_version"]) == ("succeeded", "1")
        assert "opening the model as its server will" in owner.get(f"/mlops/jobs/{job['job_id']}/log").text

    def test_a_model_in_one_file_is_opened_with_the_requirements_that_were_said(
        self, owner: Client, platform: Platform
    ) -> None:
        said = {"file_name": "line.pkl", "requirements": ["scikit-learn"]}
        assert finished(platform, owner, FITTED, name="line", **said)["status"] == "succeeded"
        failed = finished(platform, owner, b"no pickle", name="line", **said)
        assert (failed["error"]["code"], "cannot open the model" in failed["error"]["message"]) == (
            "model_not_openable",
            True,
        )

    @pytest.mark.parametrize(
        ("weights", "sentence"),
        [
            (b"c__main__\nRatio\n.", "Your class `Ratio` is defined in the script; the server cannot import it"),
            (b"cratios.all\nRatio\n.", "The model needs the Python module `ratios`"),
        ],
    )
    def test_what_its_server_cannot_open_fails_with_the_sentence_and_leaves_nothing(
        self, owner: Client, platform: Platform, weights: bytes, sentence: str
    ) -> None:
        before = len(platform.tracking._models)
        job = finished(platform, owner, archive(weights), name="broken")
        assert (job["status"], job["error"]["code"]) == ("failed", "model_not_openable")
        assert job["error"]["message"].startswith(sentence)
        assert owner.get("/api/v1/ml/registry/models/broken").status_code == 404
        assert (kept(platform), len(platform.tracking._models)) == ([], before)

    def test_a_model_that_brings_its_code_is_opened_and_registered_as_it_came(
        self, owner: Client, platform: Platform
    ) -> None:
        code = b"class Ratio:\n    def predict(self, rows):\n        return [0.0 for _ in rows]\n"
        job = finished(platform, owner, archive(b"cratio\nRatio\n(tR.", code), name="coded")
        assert job["status"] == "succeeded", job["error"]
        files = owner.get("/api/v1/ml/registry/models/coded/versions/1/artifacts").json()["artifacts"]
        assert sorted(each["path"] for each in files) == ["MLmodel", "code/ratio.py", "model.pkl"]

    def test_a_model_that_changes_its_own_files_is_refused(self, owner: Client, platform: Platform) -> None:
        code = (
            b"import pathlib\npathlib.Path(__file__).with_name('more.py').touch()\nclass Ratio:\n    predict = list\n"
        )
        job = finished(platform, owner, archive(b"cratio\nRatio\n(tR.", code), name="changing")
        assert job["error"]["code"] == "model_not_openable"
        assert "changes its own files when it is opened: code/more.py" in job["error"]["message"]
