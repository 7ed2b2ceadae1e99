"""What MLflow itself does that we build on: scripts of all kinds find us, and old clients' models are models too."""

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import mlflow
import pytest

from modelyard.adapters.tracking import MlflowTracking
from modelyard.errors import Conflict, Invalid, NotFound, Unavailable

SCRIPT = """
import mlflow
from sklearn.linear_model import LinearRegression

class Constant(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [1] * len(model_input)

def log(name):
    mlflow.pyfunc.log_model(name=name, python_model=Constant(), pip_requirements=["mlflow"])

with mlflow.start_run(run_name="first"):
    log("from the first")
    with mlflow.start_run(run_name="nested", nested=True):
        log("from the nested")
with mlflow.start_run(run_name="second", tags={"team": "red"}):
    mlflow.log_metric("accuracy", 0.5)
log("from outside")
mlflow.sklearn.autolog(log_models=False)
LinearRegression().fit([[1], [2]], [1, 2])
mlflow.set_experiment(OWN)
with mlflow.start_run(run_name="elsewhere"):
    log("from elsewhere")
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def ran(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The key of a script's run, after the script."""
    key = uuid4().hex
    folder = tmp_path_factory.mktemp("script")
    (folder / "train.py").write_text(f"OWN = 'own-{key}'\n{SCRIPT}")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MLFLOW_TRACKING_URI": mlflow_server,
        "MLFLOW_EXPERIMENT_NAME": f"experiment-{key}",
        "MLFLOW_RUN_CONTEXT": json.dumps({"modelyard.run_key": key, "modelyard.job_id": "job"}),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    subprocess.run([sys.executable, "train.py"], cwd=folder, env=environment, check=True, capture_output=True)
    return key


@pytest.fixture
def tracking(mlflow_server: str) -> MlflowTracking:
    return MlflowTracking(uri=mlflow_server)


@pytest.fixture
def client(mlflow_server: str) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(mlflow_server, mlflow_server)


class TestScripts:
    def test_every_run_of_a_script_is_found_by_its_tag(self, tracking: MlflowTracking, ran: str) -> None:
        runs = tracking.runs_tagged("modelyard.run_key", ran)

        assert len(runs) == 5  # Three by name, one nested, and the one that autolog makes.
        assert {run.experiment_name for run in runs} == {f"experiment-{ran}", f"own-{ran}"}
        assert all(run.tags["modelyard.job_id"] == "job" for run in runs)
        assert {run.status for run in runs} == {"FINISHED"}

    def test_the_models_of_all_its_runs_are_found(self, tracking: MlflowTracking, ran: str) -> None:
        runs = tracking.runs_tagged("modelyard.run_key", ran)

        names = [model.name for run in runs for model in tracking.logged_models(run.run_id)]

        assert names == ["from the first", "from the nested", "from elsewhere"]

    def test_its_models_are_found_by_its_tag_also_outside_of_a_run(self, tracking: MlflowTracking, ran: str) -> None:
        models = {model.name: model for model in tracking.models_tagged("modelyard.run_key", ran)}

        assert list(models) == ["from the first", "from the nested", "from outside", "from elsewhere"]
        assert models["from outside"].run_id is None
        assert models["from the first"].run_id is not None

    def test_only_experiments_below_a_name_are_searched_where_one_is_given(self, mlflow_server: str, ran: str) -> None:
        below = MlflowTracking(uri=mlflow_server, experiments_below="own-")
        nowhere = MlflowTracking(uri=mlflow_server, experiments_below="/Shared/none/")

        assert [run.experiment_name for run in below.runs_tagged("modelyard.run_key", ran)] == [f"own-{ran}"]
        assert [model.name for model in below.models_tagged("modelyard.run_key", ran)] == ["from elsewhere"]
        assert nowhere.runs_tagged("modelyard.run_key", ran) == []
        assert nowhere.models_tagged("modelyard.run_key", ran) == []

    def test_files_are_added_to_a_run_in_place_of_those_of_the_same_paths(
        self, tracking: MlflowTracking, client: mlflow.MlflowClient, ran: str, tmp_path: Path
    ) -> None:
        run_id = tracking.runs_tagged("modelyard.run_key", ran)[0].run_id
        (tmp_path / "notebook").mkdir()
        for text in ("first", "second"):
            (tmp_path / "notebook" / "train.ipynb").write_text(text)
            tracking.add_run_files(run_id, tmp_path)

        copy = client.download_artifacts(run_id, "notebook/train.ipynb")
        assert Path(copy).read_text() == "second"
        with pytest.raises(NotFound):
            tracking.add_run_files("0" * 32, tmp_path)

    def test_what_is_downloaded_is_an_mlflow_model_folder(
        self, tracking: MlflowTracking, ran: str, tmp_path: Path
    ) -> None:
        runs = tracking.runs_tagged("modelyard.run_key", ran)
        folder = tmp_path / "model"
        folder.mkdir()

        tracking.download(f"runs:/{runs[0].run_id}/from the first", folder)

        assert {path.name for path in folder.iterdir()} == {
            *("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "python_model.pkl"),
        }


class TestLegacyModels:
    @pytest.fixture
    def run_id(self, client: mlflow.MlflowClient, tmp_path: Path) -> str:
        """A run as a client before MLflow 3 leaves it: the model's files are the run's, and a tag tells of them."""
        run_id = str(client.create_run(client.create_experiment(f"legacy-{uuid4().hex}")).info.run_id)
        files = tmp_path / "files"
        (files / "data").mkdir(parents=True)
        (files / "MLmodel").write_text("flavors: {}\n")
        (files / "data" / "weights").write_bytes(b"123")
        client.log_artifacts(run_id, str(files), "model")
        history = [{"run_id": run_id, "artifact_path": "model", "flavors": {}}]
        client.set_tag(run_id, "mlflow.log-model.history", json.dumps(history * 2))
        return run_id

    def test_a_model_in_a_runs_files_is_a_model(self, tracking: MlflowTracking, run_id: str, tmp_path: Path) -> None:
        (model,) = tracking.logged_models(run_id)
        folder = tmp_path / "download"
        folder.mkdir()
        tracking.download(model.uri, folder)

        assert model.uri == f"runs:/{run_id}/model"
        assert tracking.logged_model(model.uri) == model
        assert (folder / "MLmodel").read_text() == "flavors: {}\n"
        assert (folder / "data" / "weights").read_bytes() == b"123"
        assert len(list(folder.iterdir())) == 2

    @pytest.mark.parametrize("history", ["{", "3", '["model"]', "[{}]"])
    def test_a_tag_that_mlflow_did_not_write_is_reported(
        self, tracking: MlflowTracking, client: mlflow.MlflowClient, history: str
    ) -> None:
        run_id = str(client.create_run("0").info.run_id)
        client.set_tag(run_id, "mlflow.log-model.history", history)
        with pytest.raises(Invalid, match="not as MLflow writes it"):
            tracking.logged_models(run_id)


class TestPlacesOfArtifacts:
    """Whoever reaches the tracker says where an experiment's files are; the control plane's own are not among them."""

    @pytest.fixture
    def secrets(self, tmp_path: Path) -> Path:
        """A folder of this machine, which no tenant reads."""
        folder = tmp_path / "secrets"
        folder.mkdir()
        (folder / "token").write_text("secret")
        return folder

    def test_a_run_that_points_into_this_machine_is_refused(
        self, tracking: MlflowTracking, client: mlflow.MlflowClient, secrets: Path, tmp_path: Path
    ) -> None:
        experiment = client.create_experiment(f"local-{uuid4().hex}", artifact_location=str(tmp_path))
        run_id = str(client.create_run(experiment).info.run_id)
        (tmp_path / run_id / "artifacts").mkdir(parents=True)
        path = "../../secrets"
        client.set_tag(run_id, "mlflow.log-model.history", json.dumps([{"run_id": run_id, "artifact_path": path}]))
        self._is_refused(tracking, f"runs:/{run_id}/{path}", tmp_path)
        with pytest.raises(Invalid):
            tracking.purge_model(f"runs:/{run_id}/{path}")
        assert (secrets / "token").read_text() == "secret"

    def test_so_is_a_logged_model(self, tracking: MlflowTracking, client: mlflow.MlflowClient, tmp_path: Path) -> None:
        experiment = client.create_experiment(f"local-{uuid4().hex}", artifact_location=str(tmp_path))
        model = client.create_logged_model(experiment, "m")
        files = tmp_path / "models" / model.model_id / "artifacts"
        files.mkdir(parents=True)
        (files / "model.pkl").write_bytes(b"x")
        client.finalize_logged_model(model.model_id, "READY")
        self._is_refused(tracking, f"models:/{model.model_id}", tmp_path)

    def test_nothing_is_written_there(
        self, tracking: MlflowTracking, client: mlflow.MlflowClient, secrets: Path, tmp_path: Path
    ) -> None:
        name = f"local-{uuid4().hex}"
        client.create_experiment(name, artifact_location=str(tmp_path / "elsewhere"))
        with pytest.raises(Invalid, match="not followed"):
            tracking.store_model(secrets, key=name, name="m", experiment_name=name, parameters={})
        assert not (tmp_path / "elsewhere").exists()

    def test_below_the_root_that_the_operator_names_it_is_fetched(
        self, mlflow_server: str, client: mlflow.MlflowClient, tmp_path: Path
    ) -> None:
        named = MlflowTracking(uri=mlflow_server, artifact_root=str(tmp_path / "store"))
        name = f"local-{uuid4().hex}"
        client.create_experiment(name, artifact_location=str(tmp_path / "store" / "1"))
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "MLmodel").write_text("flavors: {}\n")
        stored = named.store_model(tmp_path / "model", key=name, name="m", experiment_name=name, parameters={})
        folder = tmp_path / "download"
        folder.mkdir()
        named.download(stored.uri, folder)
        assert [path.name for path in folder.iterdir()] == ["MLmodel"]

    @staticmethod
    def _is_refused(tracking: MlflowTracking, uri: str, tmp_path: Path) -> None:
        folder = tmp_path / "download"
        folder.mkdir()
        for fetch in (tracking.download, lambda at, to: tracking.download_file(at, "token", to)):
            with pytest.raises(Invalid, match="not followed"):
                fetch(uri, folder)
        assert list(folder.iterdir()) == []


class TestOddities:
    def test_a_deleted_experiment_is_a_conflict(self, tracking: MlflowTracking, client: mlflow.MlflowClient) -> None:
        name = f"deleted-{uuid4().hex}"
        client.delete_experiment(tracking.ensure_experiment(name))

        with pytest.raises(Conflict) as caught:
            tracking.ensure_experiment(name)

        assert caught.value.code == "experiment_deleted"

    def test_a_model_that_was_not_logged_to_its_end_is_no_model(
        self, tracking: MlflowTracking, client: mlflow.MlflowClient
    ) -> None:
        run_id = client.create_run(client.create_experiment(f"pending-{uuid4().hex}")).info.run_id
        model = client.create_logged_model(client.get_run(run_id).info.experiment_id, name="m", source_run_id=run_id)

        assert list(tracking.logged_models(run_id)) == []

        client.finalize_logged_model(model.model_id, "READY")
        assert len(tracking.logged_models(run_id)) == 1

    @pytest.mark.parametrize("run_id", ["", "../../x", "a' OR 1=1", "x" * 300, "\N{SNOWMAN}"])
    def test_an_id_that_no_run_can_have_is_one_that_none_has(self, tracking: MlflowTracking, run_id: str) -> None:
        with pytest.raises(NotFound) as caught:
            tracking.run(run_id)
        assert (caught.value.message, caught.value.code) == (f"The tracker has no run '{run_id}'.", "not_tracked")

    def test_importing_the_adapter_does_not_import_mlflow(self) -> None:
        script = "import sys, modelyard.adapters.tracking; print('mlflow' in sys.modules)"

        assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"


class Answering(BaseHTTPRequestHandler):
    """Something else than MLflow, at its address."""

    said = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class TestBadServers:
    @pytest.mark.parametrize(
        "said", [b"<html>Log in</html>", b"OK then", b"[1, 2]", b"null", b"", b"{}", b'{"run": {"info": 3}}']
    )
    def test_an_answer_that_is_none_of_mlflows_is_reported_as_one_that_does_not_come(self, said: bytes) -> None:
        handler = type("Saying", (Answering,), {"said": said})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            tracking = MlflowTracking(uri=f"http://127.0.0.1:{server.server_port}")
            with pytest.raises(Unavailable, match="does not answer as MLflow does"):
                tracking.run("a" * 32)
            with pytest.raises(Unavailable, match="does not answer as MLflow does"):
                tracking.logged_model("models:/m-" + "a" * 32)
            server.shutdown()

    def test_one_that_begins_to_hang_holds_a_few_of_many_up(self) -> None:
        is_hanging, is_over = threading.Event(), threading.Event()

        class Hanging(Answering):
            said = b"nonsense"

            def do_GET(self) -> None:
                if is_hanging.is_set():
                    is_over.wait(30)
                super().do_GET()

        def ask(tracking: MlflowTracking) -> str:
            with pytest.raises(Unavailable) as caught:
                tracking.run("a" * 32)
            return caught.value.message

        with ThreadingHTTPServer(("127.0.0.1", 0), Hanging) as server, ThreadPoolExecutor(20) as pool:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            tracking = MlflowTracking(uri=f"http://127.0.0.1:{server.server_port}")
            ask(tracking)
            is_hanging.set()
            asked = [pool.submit(ask, tracking) for _ in range(20)]
            done, waiting = wait(asked, timeout=8)
            is_over.set()
            server.shutdown()
        assert {each.result() for each in done} == {f"The tracker at {tracking.uri} does not answer."}
        assert 1 <= len(waiting) <= 12  # Eight, and those that looked at it together with the eighth.

    def test_of_one_that_is_only_busy_everybody_is_answered(self) -> None:
        one_at_a_time = threading.Lock()

        class Busy(Answering):
            def do_GET(self) -> None:
                with one_at_a_time:
                    time.sleep(0.03)
                self.said = b'{"run": {"info": {"run_id": "%s"}}}' % (b"a" * 32)
                super().do_GET()

        def ask(tracking: MlflowTracking) -> str:
            return tracking.run("a" * 32).run_id

        with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server, ThreadPoolExecutor(40) as pool:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            tracking = MlflowTracking(uri=f"http://127.0.0.1:{server.server_port}")
            asked = [pool.submit(ask, tracking) for _ in range(40)]
            assert {each.result() for each in asked} == {"a" * 32}
            server.shutdown()

    def test_a_server_that_hangs_holds_nobody_up_for_a_minute(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            tracking = MlflowTracking(uri=f"http://127.0.0.1:{silent.getsockname()[1]}")
            began = time.monotonic()
            for _ in range(2):
                with pytest.raises(Unavailable, match="does not answer"):
                    tracking.run("a" * 32)
            assert time.monotonic() - began < 10


class TestMetrics:
    def test_an_infinity_is_one_although_mlflow_keeps_it_as_a_number(
        self, tracking: MlflowTracking, client: mlflow.MlflowClient
    ) -> None:
        run_id = str(client.create_run("0").info.run_id)
        for name, value in {"up": math.inf, "down": -math.inf, "none": math.nan, "large": 1e308}.items():
            client.log_metric(run_id, name, value)
        found = tracking.run(run_id).metrics
        assert (found["up"], found["down"], found["large"]) == (math.inf, -math.inf, 1e308)
        assert math.isnan(found["none"])


class TestData:
    def test_what_a_run_logged_as_its_input_is_reported_with_what_it_was_for(self, mlflow_server: str) -> None:
        client = mlflow.MlflowClient(mlflow_server)
        run_id = client.create_run("0").info.run_id
        data = mlflow.entities.Dataset("customers", "abc123", "local", '{"uri": "customers.csv"}')
        used = mlflow.entities.DatasetInput(data, [mlflow.entities.InputTag("mlflow.data.context", "training")])
        client.log_inputs(run_id, [used])
        (found,) = MlflowTracking(uri=mlflow_server).run(run_id).datasets
        assert (found.name, found.digest, found.context) == ("customers", "abc123", "training")
        assert (found.source_type, found.source) == ("local", '{"uri": "customers.csv"}')
