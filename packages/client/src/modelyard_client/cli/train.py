"""`modelyard train`."""

from modelyard_client.cli.connection import connect
from modelyard_client.cli.job_end import tell_accepted, tell_end
from modelyard_client.cli.options import (
    BestOfOption,
    ExperimentOption,
    FollowOption,
    HomeOption,
    KeyOption,
    LoggedModelOption,
    ModelNameOption,
    Output,
    OutputOption,
    RequirementsFileOption,
    RequirementsOption,
    RunnerOption,
    ScriptArgument,
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
    FileOption,
    ParameterOption,
    SecretOption,
    parameters,
    references,
    secrets,
    sending,
    variables,
)


def train(
    script: ScriptArgument,
    arguments: ArgumentsArgument = None,
    *,
    model: ModelNameOption = None,
    param: ParameterOption = None,
    requirement: RequirementsOption = None,
    requirements_file: RequirementsFileOption = None,
    env: EnvironmentOption = None,
    secret: SecretOption = None,
    data: DataOption = None,
    file: FileOption = None,
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
    """Run a training script, a notebook, or a project's folder, and register the model that it logs.

    Of a folder `train.py` is run, or what `[tool.modelyard]` in its pyproject.toml names; what git ignores stays here.
    Without -r and -R the `# /// script` block of the script or of a notebook's cell counts, else requirements.txt,
    pyproject.toml or environment.yml beside it.

    \b
    Examples:
      modelyard train train.py -r scikit-learn
      modelyard train train.py -R requirements.txt --model churn --follow
      modelyard train search.py -r scikit-learn --best-of accuracy
      modelyard train train.py --file rows.csv --env REGION=eu --secret API_KEY -- --epochs 3
      modelyard train train.ipynb --param depth=8 --param region=eu
      modelyard train train.py --data rows=s3://sales/2026-11.parquet
      modelyard train ./project --no-wait --output json
    """
    from modelyard_client.programs import Program

    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    program = Program.load(script, files=file or ())
    if requirement or requirements_file:
        program = program.needing(requirement or (), requirements_file or ())
    given = parameters(param)
    environment, hidden = variables(env), secrets(secret, program.settings.secrets)
    with connect(url, home) as client:
        with sending(program) as progress:
            submission = client.training.submit(
                program,
                arguments=arguments or None,
                parameters=given,
                environment=environment,
                secrets=hidden,
                model_name=model,
                experiment_name=experiment,
                logged_model=logged_model,
                best_of=best_of,
                timeout_seconds=timeout,
                runner=runner,
                data=references(data),
                idempotency_key=idempotency_key,
                progress=progress,
            )
        if is_waited_for:
            tell_end(client, submission, output=output, shows_log=follow, seconds=wait_seconds)
        else:
            tell_accepted(submission, output)
