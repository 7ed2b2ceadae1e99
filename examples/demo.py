"""`make demo`: the whole way in a minute, on a stack of its own that is taken down again.

It starts the local stack in a temporary folder on free ports, trains and deploys the breast-cancer example with two
replicas, and asks the model for the rows that the training held out, over `/predict` and over the Open Inference
Protocol. What comes back must be what the model said in the training process. With `--keep` the stack stays.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from modelyard_client import Client, Job, ModelyardError
from modelyard_client.cli.progress import wait_for_job

MODEL = "breast-cancer"
SCRIPT = Path(__file__).parent / "breast_cancer" / "train.py"
CLASSES = ("malignant", "benign")
SHOWN_ROWS = 10
LOG_LINES = 30

console = Console(highlight=False)


class DemoFailed(Exception):
    """Something is not as it should be; the message says what."""


@dataclass(frozen=True)
class Stack:
    """A local stack in a folder of its own."""

    home: Path
    port: int
    mlflow_port: int
    gateway_port: int

    @property
    def mlflow_url(self) -> str:
        """The tracking server."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def token(self) -> str:
        """The first access token, which opens MLflow too."""
        return (self.home / "token").read_text().strip()

    def modelyard(self, *arguments: str) -> None:
        """Run a command of `modelyard`; what it prints is shown only when it fails."""
        command = [str(Path(sys.executable).with_name("modelyard")), *arguments, "--home", str(self.home)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"`modelyard {arguments[0]}` ended with {done.returncode}: {done.stderr or done.stdout}")

    def up(self) -> None:
        """Start it."""
        ports = {"--port": self.port, "--mlflow-port": self.mlflow_port, "--gateway-port": self.gateway_port}
        self.modelyard("up", "--detach", *(word for flag, port in ports.items() for word in (flag, str(port))))

    def log_ends(self) -> Iterator[tuple[str, str]]:
        """The end of each of its logs, by name."""
        for log in sorted((self.home / "logs").glob("*.log")):
            yield log.name, "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])


@contextmanager
def running_stack(*, keep: bool) -> Iterator[Stack]:
    """A stack that runs. Afterwards nothing of it is left, unless it is to be kept."""
    port, mlflow_port, gateway_port = free_ports(3)
    home = Path(tempfile.mkdtemp(prefix="modelyard-demo-"))
    stack = Stack(home=home, port=port, mlflow_port=mlflow_port, gateway_port=gateway_port)
    try:
        with console.status("starting the stack: control plane and MLflow"):
            stack.up()
        yield stack
    except (DemoFailed, ModelyardError, httpx.HTTPError):
        for name, end in stack.log_ends():
            console.rule(f"the end of {name}")
            console.print(end, markup=False)
        raise
    finally:
        if not keep:
            with console.status("taking everything down"):
                stack.modelyard("down")
            shutil.rmtree(stack.home)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def deploy(client: Client) -> Job:
    """Train and deploy the example, with its progress on the screen."""
    submission = client.deployments.create_from_script(SCRIPT, model_name=MODEL, replicas=2)
    job = wait_for_job(client, submission.job_id, shows_log=False)
    if not job.is_succeeded:
        for line in client.jobs.log(job.job_id)[-LOG_LINES:]:
            console.print(line.text, markup=False)
    return job.require_success()


def held_out(stack: Stack, job: Job) -> dict[str, Any]:
    """What the training process kept in MLflow: the rows that it held out, their labels, and its own predictions."""
    answer = httpx.get(
        f"{stack.mlflow_url}/get-artifact",
        params={"path": "holdout.json", "run_uuid": job.run_id or ""},
        headers={"Authorization": f"Bearer {stack.token}"},
    )
    answer.raise_for_status()
    kept: dict[str, Any] = answer.json()
    return kept


def infer(url: str, columns: dict[str, list[float]]) -> list[int]:
    """The model's answers over the Open Inference Protocol: each column is a tensor."""
    tensors = [
        {"name": name, "datatype": "FP64", "shape": [len(values)], "data": values} for name, values in columns.items()
    ]
    answer = httpx.post(f"{url}/v2/models/{MODEL}/infer", json={"inputs": tensors})
    answer.raise_for_status()
    return list(answer.json()["outputs"][0]["data"])


def show(holdout: dict[str, Any], *, predicted: Sequence[int], inferred: Sequence[int]) -> None:
    """The first rows as a table, and how the model did on all of them."""
    labels = holdout["labels"]
    table = Table(title=f"{MODEL}: what it answers for rows that it never saw", title_justify="left")
    for column in ("mean radius", "mean texture", "true label", "/predict", "/v2/…/infer", ""):
        table.add_column(column, justify="right" if column.startswith("mean") else "left")
    for row, label in enumerate(labels[:SHOWN_ROWS]):
        table.add_row(
            f"{holdout['inputs']['mean radius'][row]:.2f}",
            f"{holdout['inputs']['mean texture'][row]:.2f}",
            CLASSES[label],
            CLASSES[predicted[row]],
            CLASSES[inferred[row]],
            "[green]right[/]" if predicted[row] == label else "[red]wrong[/]",
        )
    right = sum(one == other for one, other in zip(predicted, labels, strict=True))
    console.print(table)
    console.print(
        f"{right} of {len(labels)} rows are right; all {len(labels)} answers are those of the training process.\n"
    )


def tell_where_to_look(stack: Stack, job: Job, *, keep: bool) -> None:
    """The addresses, and the commands to go on."""
    places = Table.grid(padding=(0, 2))
    places.add_row("console", f"http://127.0.0.1:{stack.port}/console")
    places.add_row("management API", f"http://127.0.0.1:{stack.port}/docs")
    places.add_row("MLflow", stack.mlflow_url)
    places.add_row("the model", f"{job.deployment_url}/docs")
    console.print(f"version {job.model_version} of {MODEL} was served {job.duration_seconds:.0f} s after the request")
    console.print(places)
    if keep:
        console.print("\nto go on:")
        for command in (
            f"export MODELYARD_HOME={stack.home}",
            f"modelyard predict {MODEL} {SCRIPT.with_name('rows.csv')}",
            f"modelyard scale {MODEL} --replicas 4",
            f"modelyard logs {MODEL}",
            "modelyard down",
        ):
            console.print(f"  {command}", soft_wrap=True)
    else:
        console.print(
            "\nThis is taken down now. `python examples/demo.py --keep` leaves it; `modelyard up` starts yours.",
            soft_wrap=True,
        )


def run(*, keep: bool) -> None:
    """The demo.

    Raises:
        DemoFailed: an answer was not what the training process said, or a command failed.
        ModelyardError: the platform refused something, or the job failed.
    """
    with running_stack(keep=keep) as stack, Client.from_environment(home=stack.home) as client:
        job = deploy(client)
        holdout = held_out(stack, job)
        predicted = client.deployments.predict(MODEL, holdout["inputs"]).predictions
        inferred = infer(job.deployment_url or "", holdout["inputs"])
        if not predicted == inferred == holdout["predictions"]:
            raise DemoFailed("the deployed model answers something else than the model said in the training process")
        show(holdout, predicted=predicted, inferred=inferred)
        tell_where_to_look(stack, job, keep=keep)


def main() -> int:
    """Gives the exit code."""
    parser = argparse.ArgumentParser(description="Train, deploy and ask the breast-cancer example.")
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    try:
        run(keep=parser.parse_args().keep)
    except (DemoFailed, ModelyardError, httpx.HTTPError) as exc:
        console.print(f"[red]the demo failed:[/] {exc}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
