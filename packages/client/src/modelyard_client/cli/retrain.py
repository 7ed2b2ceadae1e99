"""`modelyard retrain`."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError, ExitCode
from modelyard_client.cli.job_end import tell_accepted, tell_end
from modelyard_client.cli.options import (
    FollowOption,
    HomeOption,
    KeyOption,
    Output,
    OutputOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)
from modelyard_client.cli.run_options import (
    ArgumentsArgument,
    DataOption,
    EnvironmentOption,
    ParameterOption,
    SecretOption,
    parameters,
    references,
    secrets,
    variables,
)
from modelyard_client.cli.version_reference import name_and_version

if TYPE_CHECKING:
    from modelyard_client.client import Client


class StageRule(StrEnum):
    """When the new version goes to staging."""

    NEVER = "never"
    ALWAYS = "always"
    BETTER = "better"
    NOT_WORSE = "not_worse"


RetrainedArgument = Annotated[
    str,
    typer.Argument(
        help="A version, like churn/3; of a model alone the one in production, else the newest.",
        metavar="MODEL[/VERSION]",
    ),
]
NotebookOption = Annotated[
    str | None, typer.Option("--notebook", help="Another notebook of the version's project.", metavar="PATH")
]
OtherRunnerOption = Annotated[
    str | None,
    typer.Option("--runner", help="A runner that the operator has configured; else the version's.", metavar="NAME"),
]
UpdateRequirementsOption = Annotated[
    bool,
    typer.Option("--update-requirements", help="Resolve the requirements anew; else the exact environment is used."),
]
StageIfOption = Annotated[
    StageRule,
    typer.Option("--stage-if", help="Stage the new version if it is so, compared with the one in production."),
]


def retrain(
    version: RetrainedArgument,
    arguments: ArgumentsArgument = None,
    *,
    parameter: ParameterOption = None,
    env: EnvironmentOption = None,
    secret: SecretOption = None,
    data: DataOption = None,
    notebook: NotebookOption = None,
    runner: OtherRunnerOption = None,
    timeout: TimeoutOption = None,
    update_requirements: UpdateRequirementsOption = False,
    stage_if: StageIfOption = StageRule.NEVER,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    follow: FollowOption = False,
    idempotency_key: KeyOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Run the script or notebook that trained a version again, and register what it logs as the next version.

    What is not given stays as it was: script, arguments, variables, runner, the exact environment. The new version is
    compared with the one in production; it goes there by an approval only.

    \b
    Examples:
      modelyard retrain churn
      modelyard retrain churn/3 --stage-if better
      modelyard retrain churn/3 --update-requirements --runner big --follow
      modelyard retrain churn/3 --data rows=s3://sales/2026-12.parquet
      modelyard retrain churn/3 --env REGION=eu --secret API_KEY -- --epochs 5
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    environment, hidden, given = variables(env), secrets(secret), parameters(parameter)
    with connect(url, home) as client:
        name, number = _named(client, version)
        submission = client.retraining.submit(
            name,
            number,
            arguments=arguments or None,
            parameters=given,
            environment=environment,
            secrets=hidden,
            data=references(data),
            notebook=notebook,
            runner=runner,
            timeout_seconds=timeout,
            update_requirements=update_requirements,
            stage_if=stage_if,
            idempotency_key=idempotency_key,
        )
        if is_waited_for:
            tell_end(client, submission, output=output, shows_log=follow, seconds=wait_seconds)
        else:
            tell_accepted(submission, output)


def _named(client: "Client", reference: str) -> tuple[str, int]:
    if "/" in reference:
        return name_and_version(reference)
    model = client.models.get(reference)
    number = model.latest_version if model.production_version is None else model.production_version
    if number is None:
        raise CommandError(f"model '{reference}' has no version", exit_code=ExitCode.NOT_FOUND)
    return reference, number
