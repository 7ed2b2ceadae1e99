"""What each kind of job does, made of the nouns' own steps, and what it takes away again when it does not succeed."""

from collections.abc import Callable

from modelyard.deletion.workflows import Deleting
from modelyard.deployments.workflows import Deploying
from modelyard.jobs.domain import Job, JobKind
from modelyard.jobs.workflow import JobSteps, Result
from modelyard.mirror.import_job import Importing
from modelyard.training.workflows import Training
from modelyard.uploads.workflows import Registering

Body = Callable[[JobSteps], Result]
OnFailure = Callable[[Job], None]


def bodies(
    training: Training, deploying: Deploying, registering: Registering, deleting: Deleting, importing: Importing
) -> dict[JobKind, tuple[Body, OnFailure]]:
    """By kind: the body, and what to do on failure."""

    def one_click(steps: JobSteps) -> Result:
        registered = training.train_and_register(steps)
        deployed = deploying.build_and_deploy(steps, version=registered["model_version"])
        return {**registered, **deployed}

    def deployment(steps: JobSteps) -> Result:
        return deploying.build_and_deploy(steps, version=steps.job.request["version"])

    def undo_both(job: Job) -> None:
        training.stop(job)
        deploying.give_up(job)

    return {
        JobKind.TRAINING: (training.train_and_register, training.stop),
        JobKind.ONE_CLICK: (one_click, undo_both),
        JobKind.DEPLOYMENT: (deployment, deploying.give_up),
        JobKind.REGISTRATION: (registering.register, registering.give_up),
        JobKind.DELETION: (deleting.delete, deleting.deletions.give_up),
        JobKind.IMPORT: (importing.take_over, lambda _: None),
    }
