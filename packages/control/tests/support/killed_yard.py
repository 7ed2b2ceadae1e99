"""A home whose control plane is killed at moments of a job and started again, over a real tracker and a real engine."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fragile_process
import httpx
from fragile_process import NEVER
from waiting import Until

REGISTRY = "/api/v1/ml/registry"
FILES = {"MLmodel": "flavors: {python_function: {loader_module: mlflow.sklearn}, sklearn: {pickled_model: m.pkl}}\n"}
FILES |= {"m.pkl": "never unpickled here", "requirements.txt": "scikit-learn==1.5.0\n"}


class KilledYard:
    """A home whose control plane is killed and started again, and what a test asks of it."""

    def __init__(self, home: Path, *, port: int, mlflow: str, until: Until, **settings: str) -> None:
        import mlflow as library  # noqa: PLC0415  # Takes seconds.

        self.home = home
        self.tracker = library.MlflowClient(mlflow, mlflow)
        self.model, self.other = f"killed-{port}", f"kept-{port}"
        """Names that no other test gives to the tracker that all of them share."""
        self._until = until
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "MLFLOW_"))}
        chosen = {"HOME": str(home), "PORT": str(port), "COMPILE_MODELS": "false", "MIRROR_SECONDS": "3600"}
        chosen |= {"LEASE_SECONDS": "1", **settings}
        environment = {f"MODELYARD_{name}": value for name, value in chosen.items()} | {"MLFLOW_TRACKING_URI": mlflow}
        self._log = (home.parent / "control-plane.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", fragile_process.__file__],
            env=kept | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def start(self, moment: str = NEVER) -> None:
        """Begin the next control plane."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{moment}\n")
        self._process.stdin.flush()

    def wait_until_killed(self) -> int:
        """Which signal ended it."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def wait_until_up(self) -> None:
        """Until it answers who is let in."""
        self._until(self._answers, seconds=60)

    def get(self, path: str) -> Any:
        """The answer to a question that shall succeed."""
        answer = self.api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def register(self, model: str, folder: Path) -> str:
        """Log a model in a run of its own, in the model's experiment, and register it; gives the run."""
        for name, content in FILES.items():
            (folder / name).write_text(content)
        found = self.tracker.get_experiment_by_name(model)
        experiment = found.experiment_id if found else self.tracker.create_experiment(model)
        run_id = str(self.tracker.create_run(experiment).info.run_id)
        logged = self.tracker.create_logged_model(experiment, name="model", source_run_id=run_id)
        self.tracker.log_model_artifacts(logged.model_id, str(folder))
        self.tracker.finalize_logged_model(logged.model_id, "READY")
        body = {"name": model, "artifact_id": f"models:/{logged.model_id}"}
        assert self.api.post(f"{REGISTRY}/models", json=body).status_code == 201
        return run_id

    def work(self, job_id: str) -> dict[str, Any]:
        """Wait for the job's end."""
        self._until(lambda: self.get(f"/mlops/jobs/{job_id}")["status"] not in {"queued", "running"}, seconds=60)
        return dict(self.get(f"/mlops/jobs/{job_id}"))

    def close(self) -> None:
        """End all that was started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self.api.close()
        self._log.close()

    def _answers(self) -> bool:
        token = self.home / "token"
        if token.exists():
            self.api.headers["Authorization"] = f"Bearer {token.read_text().strip()}"
        try:
            return self.api.get("/api/v1/access/whoami").status_code == 200
        except httpx.TransportError:
            return False
