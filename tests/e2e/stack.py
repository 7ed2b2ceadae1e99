"""The whole platform as a user starts it: real processes, free ports, a home of its own; and what tests ask of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from ports import find_free_port

from modelyard.home import Home
from modelyard.supervision.supervisor_daemon import password, socket_path
from modelyard.supervision.supervisor_rpc import SupervisorGone, call

T = TypeVar("T")
Json = dict[str, Any]

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
SCRIPTS = Path(__file__).parent / "scripts"
BASE_REQUIREMENTS = ("pandas>=2", "scikit-learn>=1.5")
"""What most scripts here need, and the breast-cancer example too: so they share their environments."""


@dataclass(frozen=True)
class Stack:
    """A running stack. It stands in `home`, and is reached over HTTP and over the command line."""

    home: Path
    port: int
    mlflow_port: int
    gateway_port: int = field(default_factory=find_free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    """Of `modelyard up`, besides the ports."""
    _clients: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """The management API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mlflow_url(self) -> str:
        """The tracking server."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def gateway_url(self) -> str:
        """The gateway."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What the command line sees: this stack's home, and no setting of the developer's own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "MLFLOW_"))}
        return {**kept, **self.settings, "MODELYARD_HOME": str(self.home)}

    def run(self, *arguments: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """`modelyard <arguments>`."""
        done = subprocess.run(
            [BIN / "modelyard", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"modelyard {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
        return done

    def up(self) -> None:
        """Start it, or bring it back."""
        ports = {"--port": self.port, "--mlflow-port": self.mlflow_port, "--gateway-port": self.gateway_port}
        words = [word for flag, port in ports.items() for word in (flag, str(port))]
        self.run("up", "--detach", *words, *self.options)

    def down(self) -> None:
        """Stop it; the home stays."""
        self.run("down")

    @contextmanager
    def running(self) -> Iterator["Stack"]:
        """It is up within the block. Nothing is left of it behind, whatever happens there: no connection, no process.

        Raises:
            AssertionError: `modelyard down` left processes.
        """
        try:
            self.up()
            yield self
            self.down()
        finally:
            self._clients.close()
            left = end_all(self)
        assert not left, f"`modelyard down` left processes: {left}"

    @cached_property
    def token(self) -> str:
        """The first access token, where the command line finds it."""
        return Home(self.home).token_file.read_text().strip()

    @cached_property
    def api(self) -> httpx.Client:
        """A client with the token."""
        return self._client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)

    @cached_property
    def tracker(self) -> httpx.Client:
        """A client of MLflow with the token."""
        return self._client(base_url=self.mlflow_url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)

    @cached_property
    def anyone(self) -> httpx.Client:
        """A client without a token: for model servers, which want none on loopback."""
        return self._client(timeout=60)

    def _client(self, **options: Any) -> httpx.Client:
        """One that is closed with the stack."""
        return self._clients.enter_context(httpx.Client(**options))

    def get(self, path: str, **query: str) -> Json:
        """The answer to a management call that shall succeed."""
        answer = self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def deploy(self, script: Path, *, model_name: str, replicas: int = 1, **fields: Any) -> str:
        """One click. The id of the job."""
        body = script_body(script) | {"model_name": model_name, "replicas": replicas} | fields
        answer = self.api.post("/mlops/deploy", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def train(self, script: Path, *, model_name: str, **fields: Any) -> str:
        """A training job. Its id."""
        answer = self.api.post("/mlops/training/upload", json=script_body(script) | {"model_name": model_name} | fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def ended(self, job_id: str, *, timeout: float = 300) -> Json:
        """The job when it has ended, well or not. The control plane may be away meanwhile."""

        def end() -> Json | None:
            with suppress(httpx.TransportError):
                job = self.get(f"/mlops/jobs/{job_id}")
                return job if job["status"] in {"succeeded", "failed", "cancelled"} else None
            return None

        return wait_for(end, timeout=timeout, what=lambda: f"the end of {job_id}\n{self.job_log(job_id)}")

    def succeeded(self, job_id: str, *, timeout: float = 300) -> Json:
        """The job when it has ended well."""
        job = self.ended(job_id, timeout=timeout)
        assert job["status"] == "succeeded", f"{job['error']}\n{self.job_log(job_id)}"
        return job

    def deployed(self, script: Path, *, model_name: str, replicas: int = 1, **fields: Any) -> Json:
        """One click, waited for: the job with its `deployment_url`."""
        return self.succeeded(self.deploy(script, model_name=model_name, replicas=replicas, **fields))

    def job_log(self, job_id: str) -> str:
        """What the job wrote so far."""
        try:
            return self.api.get(f"/mlops/jobs/{job_id}/log", headers={"Accept": "text/plain"}).text
        except httpx.TransportError as exc:
            return f"(no log: {exc})"

    def predict(self, url: str, inputs: Any) -> Any:
        """What `/predict` of a model answers."""
        answer = self.anyone.post(f"{url}/predict", json={"inputs": inputs})
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]

    def undeploy(self, model_name: str, *, timeout: float = 60) -> None:
        """Take all deployments of the model away, and wait until they are gone."""
        for deployment in self.get("/api/v1/deployments", model_name=model_name)["deployments"]:
            self.api.delete(f"/api/v1/deployments/{deployment['deployment_id']}")
        wait_for(
            lambda: not self.get("/api/v1/deployments", model_name=model_name)["deployments"],
            timeout=timeout,
            what=lambda: f"the end of the deployments of {model_name}\n{self.log_ends()}",
        )

    def is_ready(self) -> bool:
        """Whether the control plane answers that it is ready."""
        try:
            return self.anyone.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def await_ready(self) -> None:
        """Wait until the control plane is ready."""
        wait_for(self.is_ready, timeout=60, what=lambda: f"the control plane\n{self.log_ends()}")

    def program(self, name: str) -> Json:
        """What supervisord knows of one of its programs."""
        return dict(self._supervisord("getProcessInfo", name))

    def pid(self, name: str) -> int:
        """The process of a program."""
        return int(self.program(name)["pid"])

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """While these programs do not run."""
        for name in names:
            self._supervisord("stopProcess", name)
        try:
            yield
        finally:
            for name in names:
                self._supervisord("startProcess", name)

    def _supervisord(self, method: str, name: str) -> Any:
        home = Home(self.home)
        return call(socket_path(home), method, name, timeout=60, password=password(home))

    def processes(self) -> Sequence[psutil.Process]:
        """Every process that belongs to this stack, by its command, its folder or its environment."""
        return [process for process in psutil.process_iter() if _belongs(process, str(self.home))]

    def processes_in(self, folder: Path) -> Sequence[psutil.Process]:
        """Every process that works in this folder or names it in its command."""
        return [process for process in self.processes() if _belongs(process, str(folder))]

    def log_ends(self, lines: int = 40) -> str:
        """The end of each log of the stack, for a failed test's message."""
        ends = [
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in sorted(Home(self.home).logs.glob("*.log"))
        ]
        return "\n".join(ends)


def script_body(script: Path) -> Json:
    """The fields of a request that carry a script, with the requirements that it states or the base ones."""
    content = script.read_text()
    return {"script_name": script.name, "script_content": content, "requirements": stated_requirements(content)}


def stated_requirements(content: str) -> list[str]:
    """The dependencies of a script's PEP 723 block, without MLflow, which every run has."""
    stated = next((line for line in content.splitlines() if line.startswith("# dependencies = ")), None)
    if stated is None:
        return list(BASE_REQUIREMENTS)
    requirements = json.loads(stated.removeprefix("# dependencies = "))
    return [requirement for requirement in requirements if not requirement.startswith("mlflow")]


def wait_for(look: Callable[[], T | None], *, timeout: float = 60, every: float = 0.1, what: Callable[[], str]) -> T:
    """What `look` gives as soon as it is true."""
    deadline = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:.0f} s for {what()}")
        time.sleep(every)
    return found


def end_all(stack: Stack) -> Sequence[str]:
    """Kill what is left of the stack. The commands of what had to be killed."""
    left = stack.processes()
    commands = []
    for process in left:
        with suppress(psutil.NoSuchProcess):
            commands.append(" ".join(process.cmdline()) or process.name())
            process.kill()
    psutil.wait_procs(left, timeout=10)
    return commands


def is_supervised(stack: Stack) -> bool:
    """Whether the stack's supervisord answers."""
    try:
        call(socket_path(Home(stack.home)), "getPID", timeout=5, password=password(Home(stack.home)))
    except SupervisorGone:
        return False
    return True


def _belongs(process: psutil.Process, place: str) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return place in process.cwd() or any(place in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
