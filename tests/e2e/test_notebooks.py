"""A notebook as a user has it: trained, registered and deployed, also when the control plane is killed meanwhile."""

import json
import os
import signal
from pathlib import Path

from notebook_files import code_cell, notebook_text
from tests.e2e.stack import BASE_REQUIREMENTS, Stack, wait_for
from tests.e2e.test_crashes import assert_made_once
from tests.e2e.test_isolation import ROWS
from tests.e2e.test_outages import CONTROL

NEEDS = (
    f"# /// script\n# dependencies = {list(BASE_REQUIREMENTS)}\n# ///\nimport mlflow, time\nfrom pathlib import Path"
)
PARAMETERS = code_cell("iterations = 1\nname = 'nobody'", tags=["parameters"])
WAITS = """
Path("waits.reached").touch()
while not Path("waits.open").exists():
    time.sleep(0.02)
"""
TRAINS = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

data = load_iris(as_frame=True)
with mlflow.start_run():
    mlflow.log_params({"iterations": iterations, "name": name})
    model = LogisticRegression(max_iter=iterations).fit(data.data, data.target)
    mlflow.sklearn.log_model(model, name="model", input_example=data.data.head(2))
"""
FAILS = "total = 0\nfor part in [1, 0]:\n    total += 1 / part"


def written(folder: Path, *cells: object) -> Path:
    file = folder / "train.ipynb"
    file.write_text(notebook_text(*cells))  # type: ignore[arg-type]  # Texts and cells.
    return file


class TestNotebooks:
    def test_one_is_deployed_with_one_click_and_a_kill_of_the_control_plane_changes_nothing(
        self, stack: Stack, tmp_path: Path
    ) -> None:
        file = written(tmp_path, NEEDS, PARAMETERS, WAITS, TRAINS)
        given = ["--param", "iterations=500", "--param", "name=ä b", "--model", "noted", "--replicas", "2"]
        accepted = stack.run("deploy", str(file), *given, "--no-wait", "--output", "json")
        job_id = json.loads(accepted.stdout)["job_id"]
        work = stack.home / "jobs" / job_id / "run-1" / "work"
        wait_for((work / "waits.reached").exists, timeout=240, what=lambda: f"the cell\n{stack.job_log(job_id)}")
        before = {process.pid for process in stack.processes_in(stack.home / "jobs" / job_id)}

        os.kill(stack.pid(CONTROL), signal.SIGKILL)
        stack.await_ready()
        after = {process.pid for process in stack.processes_in(stack.home / "jobs" / job_id)}
        (work / "waits.open").touch()
        job = stack.succeeded(job_id)

        assert before
        assert after == before  # The kernel has not noticed.
        assert stack.predict(job["deployment_url"], ROWS) == [0, 2]
        assert_made_once(stack, job)
        assert job["source"]["parameters"] == {"iterations": 500, "name": "ä b"}
        version = stack.get("/api/v1/ml/registry/models/noted/versions/1")
        assert version["parameters"] == {"iterations": 500, "name": "ä b"}
        assert version["provenance"]["parameters"] == {"iterations": 500, "name": "ä b"}
        assert "cell 5 of 5 took " in stack.job_log(job_id)
        stack.run("jobs", "notebook", job_id, "--output", str(tmp_path / "executed.ipynb"))
        executed = json.loads((tmp_path / "executed.ipynb").read_text())
        assert [cell["execution_count"] for cell in executed["cells"]] == [1, 2, 3, 4, 5]
        assert executed["cells"][2]["metadata"]["tags"] == ["injected-parameters"]
        listed = stack.tracker.get(
            "/api/2.0/mlflow/artifacts/list", params={"run_id": job["run_id"], "path": "notebook"}
        ).json()
        assert [each["path"] for each in listed["files"]] == ["notebook/train.ipynb"]
        stack.undeploy("noted")

    def test_a_cells_error_is_the_jobs_and_the_executed_notebook_is_there_to_be_looked_at(
        self, stack: Stack, tmp_path: Path
    ) -> None:
        file = written(tmp_path, NEEDS, "print('<b>fine</b>')", FAILS, "print('never')")
        done = stack.run("train", str(file), "--model", "failing-note", check=False)

        assert done.returncode == 1
        said = "the notebook failed: cell 3 of 4, line 3, `total += 1 / part`: ZeroDivisionError: division by zero"
        assert said in done.stderr
        (job,) = stack.get("/mlops/jobs", model_name="failing-note")["jobs"]
        page = stack.api.get(f"/mlops/jobs/{job['job_id']}/notebook.html")
        assert page.status_code == 200
        assert "&lt;b&gt;fine&lt;/b&gt;" in page.text
        assert "ZeroDivisionError" in page.text
        assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert stack.api.get("/mlops/jobs/job-none/notebook").status_code == 404
