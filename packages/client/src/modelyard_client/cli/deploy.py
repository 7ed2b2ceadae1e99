"""`modelyard deploy`: a script with one click, or a version that exists."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypedDict

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


def deploy(
    script: Annotated[
        Path | None, typer.Argument(help="A Python script that logs a model; none to deploy a version that exists.")
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model; for a script else its file's name.", metavar="NAME"),
    ] = None,
    version: VersionOption = None,
    replicas: ReplicasOption = 1,
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="Where the target has such.", metavar="NAME")
    ] = None,
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
    from modelyard_client.scripts import Script, requirements_of

    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    of_script = {
        "--requirement": requirement,
        "--requirements-file": requirements_file,
        "--experiment": experiment,
        "--logged-model": logged_model,
        "--timeout": timeout,
    }
    _refuse({"--version": version} if script else of_script, has_script=script is not None)
    if script is None and model is None:
        raise typer.BadParameter("name a script, or a registered model with --model")
    source = Script.read(script) if script else None
    with connect(url, home) as client:
        common = _Common(replicas=replicas, namespace=namespace, idempotency_key=idempotency_key)
        if source is not None:
            submission = client.deployments.create_from_script(
                source,
                requirements=requirements_of(source, named=requirement or (), files=requirements_file or ()),
                model_name=model,
                experiment_name=experiment,
                logged_model=logged_model,
                timeout_seconds=timeout,
                **common,
            )
        else:
            submission = client.deployments.create(str(model), version=version, **common)
        if is_waited_for:
            tell_end(client, submission, output=output, shows_log=follow, seconds=wait_seconds)
        else:
            tell_accepted(submission, output)


class _Common(TypedDict):
    replicas: int
    namespace: str | None
    idempotency_key: str | None


def _refuse(options: Mapping[str, object], *, has_script: bool) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        reason = "a script makes a new version" if has_script else "there is no script"
        raise typer.BadParameter(f"{', '.join(given)} cannot be used: {reason}")
