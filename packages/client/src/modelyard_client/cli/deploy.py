"""`modelyard deploy`: a script with one click, or a version that exists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypedDict

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.job_end import tell_accepted, tell_end
from modelyard_client.cli.options import (
    ExperimentOption,
    FollowOption,
    HomeOption,
    KeyOption,
    LoggedModelOption,
    Output,
    OutputOption,
    ReplicasOption,
    RequirementsFileOption,
    RequirementsOption,
    TimeoutOption,
    UrlOption,
    VersionOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.jobs import Submission

    Submit: TypeAlias = Callable[[Client], Submission]


ScriptToDeploy = Annotated[
    Path | None, typer.Argument(help="A Python script that logs a model; none to deploy a version that exists.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="The model; for a script else its file's name.", metavar="NAME")
]
NamespaceOption = Annotated[str | None, typer.Option("--namespace", help="Where the target has such.", metavar="NAME")]


def deploy(
    script: ScriptToDeploy = None,
    *,
    model: ModelOption = None,
    version: VersionOption = None,
    replicas: ReplicasOption = 1,
    namespace: NamespaceOption = None,
    requirement: RequirementsOption = None,
    requirements_file: RequirementsFileOption = None,
    experiment: ExperimentOption = None,
    logged_model: LoggedModelOption = None,
    timeout: TimeoutOption = None,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    follow: FollowOption = False,
    idempotency_key: KeyOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Deploy a script with one click, or a version that exists.

    A script is trained, its model registered, packaged and deployed; without one, the model's latest version is
    deployed, or the one that is named.

    \b
    Examples:
      modelyard deploy train.py -r scikit-learn --replicas 2
      modelyard deploy --model churn
      modelyard deploy --model churn --version 3 --output json
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    shape = _Shape(replicas=replicas, namespace=namespace, idempotency_key=idempotency_key)
    training = _Training(requirement, requirements_file, experiment, logged_model, timeout)
    if script is not None:
        _refuse({"--version": version}, because="a script makes a new version")
        submit = _script_submission(script, training, model=model, shape=shape)
    else:
        _refuse(training.options(), because="there is no script")
        submit = _version_submission(model, version, shape=shape)
    with connect(url, home) as client:
        submission = submit(client)
        if is_waited_for:
            tell_end(client, submission, output=output, shows_log=follow, seconds=wait_seconds)
        else:
            tell_accepted(submission, output)


class _Shape(TypedDict):
    """What every deployment has."""

    replicas: int
    namespace: str | None
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class _Training:
    """What only a script has."""

    requirement: list[str] | None
    requirements_file: list[Path] | None
    experiment: str | None
    logged_model: str | None
    timeout: float | None

    def options(self) -> Mapping[str, object]:
        """As they were given on the command line."""
        return {f"--{each.name.replace('_', '-')}": getattr(self, each.name) for each in fields(self)}


def _script_submission(path: Path, training: _Training, *, model: str | None, shape: _Shape) -> "Submit":
    from modelyard_client.scripts import Script, requirements_of

    script = Script.read(path)
    requirements = requirements_of(script, named=training.requirement or (), files=training.requirements_file or ())
    return lambda client: client.deployments.create_from_script(
        script,
        requirements=requirements,
        model_name=model,
        experiment_name=training.experiment,
        logged_model=training.logged_model,
        timeout_seconds=training.timeout,
        **shape,
    )


def _version_submission(model: str | None, version: int | None, *, shape: _Shape) -> "Submit":
    if model is None:
        raise typer.BadParameter("name a script, or a registered model with --model")
    return lambda client: client.deployments.create(model, version=version, **shape)


def _refuse(options: Mapping[str, object], *, because: str) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise typer.BadParameter(f"{', '.join(given)} cannot be used: {because}")
