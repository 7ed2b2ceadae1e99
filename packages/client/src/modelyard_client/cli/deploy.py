"""`modelyard deploy`: a script with one click, or a version that exists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypedDict

import typer

from modelyard_client.cli.autoscaling_options import (
    CpuPercentOption,
    MaxReplicasOption,
    MinReplicasOption,
    autoscaling_of,
)
from modelyard_client.cli.connection import connect
from modelyard_client.cli.job_end import tell_accepted, tell_end
from modelyard_client.cli.options import (
    BestOfOption,
    ExperimentOption,
    FollowOption,
    HomeOption,
    KeyOption,
    LoggedModelOption,
    Output,
    OutputOption,
    RequirementsFileOption,
    RequirementsOption,
    RunnerOption,
    TimeoutOption,
    UrlOption,
    VersionOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)
from modelyard_client.cli.run_options import (
    ArgumentsArgument,
    DataOption,
    EnvironmentOption,
    FileOption,
    ParameterOption,
    SecretOption,
    parameters,
    references,
    secrets,
    sending,
    variables,
)
from modelyard_client.cli.terminal import say

if TYPE_CHECKING:
    from modelyard_client.autoscaling import Autoscaling
    from modelyard_client.client import Client
    from modelyard_client.jobs import Submission
    from modelyard_client.resources import Resources

    Submit: TypeAlias = Callable[[Client], Submission]


WhatToDeploy = Annotated[
    str | None,
    typer.Argument(
        help="A Python script or notebook that logs a model, a project's folder, or a registered model's name; with "
        "--replace also a deployment's id.",
        metavar="PATH|MODEL",
    ),
]
AnotherOption = Annotated[
    bool, typer.Option("--another", help="Make a further deployment, also of a version that serves already.")
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Take the place, at the same address, of the version that serves.")
]
ReplicasOption = Annotated[
    int | None,
    typer.Option("--replicas", "-n", min=1, help="How many; else one, or what a deployment has.", metavar="N"),
]
_DEPLOYMENT = "dep-"
_SCRIPTS = frozenset({".py", ".ipynb"})
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="The model; for a script else its file's name.", metavar="NAME")
]
NamespaceOption = Annotated[str | None, typer.Option("--namespace", help="Where the target has such.", metavar="NAME")]
TargetOption = Annotated[
    str | None,
    typer.Option("--target", "-t", help="One of the targets that the operator has configured.", metavar="NAME"),
]
CpuOption = Annotated[float | None, typer.Option("--cpu", help="Cores of each replica.", metavar="N")]
MemoryOption = Annotated[float | None, typer.Option("--memory-mb", help="Memory of each replica.", metavar="N")]
GpusOption = Annotated[int | None, typer.Option("--gpus", help="GPUs of each replica.", metavar="N")]


def deploy(
    what: WhatToDeploy = None,
    arguments: ArgumentsArgument = None,
    *,
    model: ModelOption = None,
    version: VersionOption = None,
    replicas: ReplicasOption = None,
    namespace: NamespaceOption = None,
    target: TargetOption = None,
    cpu: CpuOption = None,
    memory_mb: MemoryOption = None,
    gpus: GpusOption = None,
    min_replicas: MinReplicasOption = None,
    max_replicas: MaxReplicasOption = None,
    cpu_percent: CpuPercentOption = None,
    another: AnotherOption = False,
    replace: ReplaceOption = False,
    param: ParameterOption = None,
    requirement: RequirementsOption = None,
    requirements_file: RequirementsFileOption = None,
    env: EnvironmentOption = None,
    secret: SecretOption = None,
    file: FileOption = None,
    data: DataOption = None,
    experiment: ExperimentOption = None,
    logged_model: LoggedModelOption = None,
    best_of: BestOfOption = None,
    timeout: TimeoutOption = None,
    runner: RunnerOption = None,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    follow: FollowOption = False,
    idempotency_key: KeyOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Deploy a script with one click, or a version that exists.

    A script is trained, its model registered, packaged and deployed; of a model the latest version is deployed, or
    the one that is named. A version that serves already is the same deployment, unless --another is asked for. With
    --replace the new version is ready before the old one drains, at the same address, and no request is lost; the way
    back is the same command with the earlier version.

    \b
    Examples:
      modelyard deploy train.py -r scikit-learn --replicas 2
      modelyard deploy ./project --secret API_KEY -- --epochs 3
      modelyard deploy churn
      modelyard deploy churn --version 3 --replace
      modelyard deploy churn --target local --memory-mb 512
      modelyard deploy churn --target eu --cpu 1 --min-replicas 2 --max-replicas 8
      modelyard deploy --model churn --version 3 --output json
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    if another and replace:
        raise typer.BadParameter("--another and --replace contradict each other")
    shape = _Shape(
        replicas=replicas,
        namespace=namespace,
        target=target,
        resources=_resources(cpu=cpu, memory_mb=memory_mb, gpus=gpus),
        autoscaling=autoscaling_of(min_replicas=min_replicas, max_replicas=max_replicas, cpu_percent=cpu_percent),
        replace=replace,
        idempotency_key=idempotency_key,
    )
    training = _Training(
        param,
        requirement,
        requirements_file,
        env,
        secret,
        file,
        data,
        experiment,
        logged_model,
        best_of,
        timeout,
        runner,
        arguments,
    )
    if what is not None and _is_script(what, version=version):
        _refuse({"--version": version, "--another": another}, because="a script makes a new version")
        submit = _script_submission(Path(what), training, model=model, shape=shape)
    else:
        _refuse(training.options(), because="there is no script")
        submit = _version_submission(_named(what, model), version, another=another, shape=shape)
    with connect(url, home) as client:
        submission = submit(client)
        if submission.deployment_id is not None and submission.message is not None:
            say(submission.message.partition("; follow ")[0])
        if is_waited_for:
            tell_end(client, submission, output=output, shows_log=follow, seconds=wait_seconds)
        else:
            tell_accepted(submission, output)


class _Shape(TypedDict):
    """What every deployment has."""

    replicas: int | None
    namespace: str | None
    target: str | None
    resources: "Resources | None"
    autoscaling: "Autoscaling | None"
    replace: bool
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class _Training:
    """What only a script has."""

    param: list[str] | None
    requirement: list[str] | None
    requirements_file: list[Path] | None
    env: list[str] | None
    secret: list[str] | None
    file: list[Path] | None
    data: list[str] | None
    experiment: str | None
    logged_model: str | None
    best_of: str | None
    timeout: float | None
    runner: str | None
    arguments: list[str] | None

    def options(self) -> Mapping[str, object]:
        """As they were given on the command line."""
        given = {f"--{each.name.replace('_', '-')}": getattr(self, each.name) for each in fields(self)}
        return {("arguments" if name == "--arguments" else name): value for name, value in given.items()}


def _script_submission(path: Path, training: _Training, *, model: str | None, shape: _Shape) -> "Submit":
    from modelyard_client.programs import Program

    program = Program.load(path, files=training.file or ())
    if training.requirement or training.requirements_file:
        program = program.needing(training.requirement or (), training.requirements_file or ())
    given, data = parameters(training.param), references(training.data)
    environment, hidden = variables(training.env), secrets(training.secret, program.settings.secrets)

    def submit(client: "Client") -> "Submission":
        with sending(program) as progress:
            return client.deployments.create_from_script(
                program,
                arguments=training.arguments or None,
                parameters=given,
                environment=environment,
                secrets=hidden,
                model_name=model,
                experiment_name=training.experiment,
                logged_model=training.logged_model,
                best_of=training.best_of,
                timeout_seconds=training.timeout,
                runner=training.runner,
                data=data,
                progress=progress,
                **shape,
            )

    return submit


def _is_script(what: str, *, version: int | None) -> bool:
    """Whether a file is meant, and not a model that is registered."""
    path = Path(what)
    return path.suffix in _SCRIPTS or (version is None and (len(path.parts) > 1 or path.exists()))


def _named(what: str | None, model: str | None) -> str:
    if what is not None and model is not None:
        raise typer.BadParameter(f"{what} and --model {model} both name a model")
    named = what or model
    if named is None:
        raise typer.BadParameter("name a script or a registered model")
    return named


def _version_submission(model: str, version: int | None, *, another: bool, shape: _Shape) -> "Submit":
    if shape["replace"] and model.startswith(_DEPLOYMENT):
        return _replacement(model, version, shape=shape)
    return lambda client: client.deployments.create(model, version=version, another=another, **shape)


def _replacement(deployment_id: str, version: int | None, *, shape: _Shape) -> "Submit":
    """The job that replaces the version of the deployment that is named by its id."""
    if version is None:
        raise typer.BadParameter("name the version that shall take the place, with --version")
    _refuse(
        {
            "--namespace": shape["namespace"],
            "--target": shape["target"],
            "--cpu, --memory-mb and --gpus": shape["resources"],
            "--max-replicas": shape["autoscaling"],
            "--idempotency-key": shape["idempotency_key"],
        },
        because="a deployment is named by its id",
    )

    def submit(client: "Client") -> "Submission":
        from modelyard_client.jobs import Submission

        deployment = client.deployments.replace(deployment_id, version=version, replicas=shape["replicas"])
        job = deployment.replacement
        if job is None or job.version != version:
            say(f"{deployment_id} serves version {version} already")
            raise typer.Exit
        return Submission(
            job_id=job.job_id,
            model_name=deployment.model_name,
            deployment_id=deployment_id,
            status=job.status,
            message=None,
        )

    return submit


def _resources(*, cpu: float | None, memory_mb: float | None, gpus: int | None) -> "Resources | None":
    from modelyard_client.resources import Resources

    asked = Resources(cpu=cpu, memory_mb=memory_mb, gpus=gpus)
    return None if asked == Resources() else asked


def _refuse(options: Mapping[str, object], *, because: str) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise typer.BadParameter(f"{', '.join(given)} cannot be used: {because}")
