"""`modelyard train`."""

from modelyard_client.cli.connection import connect
from modelyard_client.cli.job_end import tell_accepted, tell_end
from modelyard_client.cli.options import (
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
    ScriptArgument,
    TimeoutOption,
    UrlOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)


def train(
    script: ScriptArgument,
    *,
    model: ModelNameOption = None,
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
    """Run a training script and register the model that it logs.

    \b
    Examples:
      modelyard train train.py -r scikit-learn
      modelyard train train.py -R requirements.txt --model churn --follow
      modelyard train train.py --no-wait --output json
    """
    from modelyard_client.scripts import Script, requirements_of

    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    source = Script.read(script)
    needed = requirements_of(source, named=requirement or (), files=requirements_file or ())
    with connect(url, home) as client:
        submission = client.training.submit(
            source,
            requirements=needed,
            model_name=model,
            experiment_name=experiment,
            logged_model=logged_model,
            timeout_seconds=timeout,
            idempotency_key=idempotency_key,
        )
        if is_waited_for:
            tell_end(client, submission, output=output, shows_log=follow, seconds=wait_seconds)
        else:
            tell_accepted(submission, output)
