"""Sending a training script, alone or to be deployed with one click."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from modelyard_client.errors import Invalid
from modelyard_client.jobs import Submission
from modelyard_client.programs import Program
from modelyard_client.projects import Progress, quiet, send_project
from modelyard_client.scripts import Script
from modelyard_client.transport import Transport


class Training:
    """`client.training`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(
        self,
        script: Script | Program | Path,
        *,
        requirements: Sequence[str] | None = None,
        arguments: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        model_name: str | None = None,
        experiment_name: str | None = None,
        logged_model: str | None = None,
        best_of: str | None = None,
        timeout_seconds: float | None = None,
        runner: str | None = None,
        data: Mapping[str, Mapping[str, str]] | None = None,
        idempotency_key: str | None = None,
        progress: Progress = quiet,
    ) -> Submission:
        """Run a training script, a notebook or a project and register the model that it logs.

        Args:
            script: a script or a notebook, its file, or a project's folder; `Program.load(path, files=[…])` lays files
                beside it.
            requirements: PEP 508 requirements; None for those that the script or the files beside it name.
            arguments: what the script finds in `sys.argv`; None for those of the project's `[tool.modelyard]`.
            parameters: of a notebook: values, as JSON has them, for what its cell tagged `parameters` assigns, besides
                those of `[tool.modelyard]`.
            environment: variables of the run, besides those of `[tool.modelyard]`.
            secrets: variables that are stored encrypted while the job runs, masked in its log, and never returned.
            model_name: the name to register under; the script's name without its ending, or the project's, when None.
            logged_model: which of several logged models to register: its name, its id, or `<run>/<name>`.
            best_of: the metric by which the best of several is registered, like `accuracy` or `min:rmse`.
            timeout_seconds: the longest that the script may run.
            runner: one of the runners that the operator has configured; None for the first of them.
            data: what the run is given, by name: `{"rows": {"uri": "s3://…", "sha256": "…"}}`, or `project:PATH` for a
                file that is sent; the script finds the URI in `MODELYARD_DATA_ROWS`.
            idempotency_key: the same request with the same key is the same job; a new key when None, so that the
                request can be repeated safely when the connection breaks.
            progress: hears how much of a project's archive was sent.

        Raises:
            Invalid: something in the request is wrong; `field` names it.
            TooLarge: the project is larger than the platform takes.
            Conflict: the key was used with another request.
        """
        program = as_program(script, requirements)
        body = run_body(
            program,
            arguments=arguments,
            parameters=parameters,
            environment=environment,
            secrets=secrets,
            experiment_name=experiment_name,
            logged_model=logged_model,
            best_of=best_of,
            timeout_seconds=timeout_seconds,
            runner=runner,
            data=data,
        )
        if program.archive is not None:
            send_project(self._transport, program.archive, progress=progress)
        is_named = model_name is not None or program.archive is not None
        body["model_name"] = model_name or (program.model_name if is_named else None)
        return submit(self._transport, "/mlops/training/upload", body, idempotency_key=idempotency_key)


def as_program(script: Script | Program | Path, requirements: Sequence[str] | None) -> Program:
    """What is run, with the requirements that are given, else with its own."""
    if isinstance(script, Path):
        program = Program.load(script)
    else:
        program = script if isinstance(script, Program) else Program.of(script)
    return program if requirements is None else program.needing(requirements)


def run_body(
    program: Program,
    *,
    arguments: Sequence[str] | None,
    parameters: Mapping[str, Any] | None,
    environment: Mapping[str, str] | None,
    secrets: Mapping[str, str] | None,
    experiment_name: str | None,
    logged_model: str | None,
    best_of: str | None,
    timeout_seconds: float | None,
    runner: str | None,
    data: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """The part of a request that says what is run and how; what is given goes before what the project says."""
    settings = program.settings
    variables = {**settings.environment, **(environment or {})}
    return program.body() | {
        "parameters": {**settings.parameters, **(parameters or {})} or None,
        "arguments": list(settings.arguments if arguments is None else arguments) or None,
        "environment": variables or None,
        "secrets": _with_own(secrets or {}, settings.secrets) or None,
        "experiment_name": experiment_name or settings.experiment,
        "logged_model": logged_model or settings.logged_model,
        "best_of": best_of,
        "timeout_seconds": settings.timeout_seconds if timeout_seconds is None else timeout_seconds,
        "runner": runner or settings.runner,
        "data": {name: dict(each) for name, each in (data or {}).items()} or None,
    }


def _with_own(given: Mapping[str, str], named: Sequence[str]) -> dict[str, str]:
    """Secrets that are given, and the values here of those that the project names besides."""
    missing = [name for name in named if name not in given]
    if unknown := [name for name in missing if name not in os.environ]:
        raise Invalid(
            f"secrets: the project names {', '.join(unknown)}: give it, or set the variable", code="secrets_invalid"
        )
    return {**given, **{name: os.environ[name] for name in missing}}


def submit(transport: Transport, where: str, body: dict[str, Any], *, idempotency_key: str | None) -> Submission:
    """Send a request that makes a job, under a key, so that sending it twice makes one job."""
    given = {name: value for name, value in body.items() if value is not None}
    return Submission.from_json(transport.post(where, given, idempotency_key=idempotency_key or str(uuid4())))
