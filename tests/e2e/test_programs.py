"""What a training script brings, as a user sends it: a project's folder with arguments, a variable and a secret."""

import os
from pathlib import Path

import pytest
from tests.e2e.stack import BASE_REQUIREMENTS, Stack

SECRET = "5up3r-s3cret/value"
TRAIN = """
import base64, os, sys
from pathlib import Path
import mlflow, pandas as pd
from factors import FACTOR
from sklearn.linear_model import LinearRegression
key = os.environ["API_KEY"]
print("the key is", key, base64.b64encode(key.encode()).decode())
rows = pd.read_csv(Path(__file__).parent / "rows.csv")
with mlflow.start_run():
    mlflow.log_params({"factor": FACTOR, "asked": " ".join(sys.argv[1:]), "region": os.environ["REGION"]})
    model = LinearRegression().fit(rows[["a"]], rows["b"])
    mlflow.sklearn.log_model(model, name="model", input_example=rows[["a"]])
"""
ELSEWHERE = """
import random, mlflow
mlflow.set_tracking_uri("http://elsewhere.example")
print("random is a library:", random.random() < 1)
"""


class TestProjects:
    def test_a_folder_is_trained_with_all_that_it_brings(
        self, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("API_KEY", SECRET)
        project = tmp_path / "brought"
        project.mkdir()
        files = {
            "train.py": TRAIN,
            "factors.py": "FACTOR = 3\n",
            "rows.csv": "a,b\n1,3\n2,6\n3,9\n",
            "requirements.txt": "-r base.txt\n",
            "base.txt": "\n".join(BASE_REQUIREMENTS),
            "ignored.txt": "ignored",
            ".gitignore": "ignored.txt\n",
        }
        for name, text in files.items():
            (project / name).write_text(text)

        given = ["--env", "REGION=eu", "--secret", "API_KEY", "--", "--epochs", "3"]
        stack.run("train", str(project), *given)

        job = stack.get("/mlops/jobs", model_name="brought")["jobs"][0]
        log = stack.job_log(job["job_id"])
        known = stack.get("/api/v1/ml/registry/models/brought/versions/1")
        assert "the key is *** ***" in log
        assert known["parameters"] == {"factor": 3, "asked": "--epochs 3", "region": "eu"}
        assert (known["provenance"]["arguments"], known["provenance"]["secrets"]) == (["--epochs", "3"], ["API_KEY"])
        assert known["provenance"]["archive_sha256"] == job["source"]["project"]
        laid = {path.name for path in (stack.home / "jobs" / job["job_id"] / "run-1" / "work").iterdir()}
        assert files.keys() - laid == {"ignored.txt"}
        assert [path for path in written_by(stack) if SECRET.encode() in content_of(path)] == []


class TestScriptsOfAnyName:
    def test_one_called_mlflow_that_tracks_elsewhere_is_reported(self, stack: Stack, tmp_path: Path) -> None:
        (tmp_path / "mlflow.py").write_text(ELSEWHERE)
        done = stack.run("train", str(tmp_path / "mlflow.py"), "--model", "elsewhere", check=False)

        assert done.returncode == 1
        assert "the script set a tracking URI of its own, 'http://elsewhere.example'" in done.stderr
        job = stack.get("/mlops/jobs", model_name="elsewhere")["jobs"][0]
        assert job["error"]["code"] == "tracking_uri_changed"
        assert "random is a library: True" in stack.job_log(job["job_id"])


def written_by(stack: Stack) -> list[Path]:
    """Every file of the stack but installed environments."""
    folders = (folder for folder in stack.home.iterdir() if folder.name not in {"environments", "supervisor"})
    return [
        path for folder in folders for path in (folder.rglob("*") if folder.is_dir() else [folder]) if is_file(path)
    ]


def content_of(path: Path) -> bytes:
    """Of a file; nothing of one that was temporary, and has been renamed since."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def is_file(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
