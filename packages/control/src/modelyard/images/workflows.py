"""The steps of an image: build, push. They are those of a job of its own, and a part of jobs that deploy."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from modelyard.errors import DiskFull, ModelyardError, Unavailable
from modelyard.images.domain import Image
from modelyard.images.kinds import IMAGE, Phase
from modelyard.images.making import ImageMaking
from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.oci.reference import Repository
from modelyard.registry.service import RegistryService


@dataclass(frozen=True, slots=True)
class Imaging:
    """What the steps of an image need."""

    jobs: JobService
    registry: RegistryService
    making: ImageMaking

    @property
    def work(self) -> JobWork:
        """What the job of an image does."""
        return JobWork(IMAGE, self.make, self.give_up)

    def make(self, steps: JobSteps) -> Result:
        """The image that was asked for: gives `image`, `image_id` and `image_digest`."""
        request = steps.job.request
        version, repository = request["version"], Repository.parse(request["repository"])
        steps.enter(Phase.BUILDING, model_version=version)
        built = self.build(steps, version=version, repository=repository)
        if not request["push"]:
            return built
        steps.enter(Phase.PUSHING, **built)
        return self.push(steps, version=version, repository=repository)

    def build(self, steps: JobSteps, *, version: int, repository: Repository) -> Result:
        """The step that builds: after it the image is in the layout."""
        return self._run(steps, "build image", lambda: self._build(steps.job, version, repository))

    def push(self, steps: JobSteps, *, version: int, repository: Repository) -> Result:
        """The step that pushes what the job has built."""
        return self._run(steps, "push image", lambda: self._push(steps.job, version, repository))

    def give_up(self, job: Job) -> None:
        """End the image of a job that ends without it. The reason of one that failed is written down already."""
        self._note_failed(job, f"job '{job.job_id}' ended before it was whole")

    def _run(self, steps: JobSteps, name: str, step: Callable[[], Image]) -> Result:
        """The image fails with the reason of its step, which the job's steps have given: an error of the operating
        system is a full disk to them."""
        try:
            return steps.run(name, lambda: _result(self._logging_waits(steps.job, step)))
        except ModelyardError as error:
            self._note_failed(steps.job, error.message)
            raise

    def _logging_waits(self, job: Job, step: Callable[[], Image]) -> Image:
        try:
            return step()
        except Unavailable as error:
            if not isinstance(error, DiskFull):
                self._log(job)(f"waiting, and then trying again: {error.message}")
            raise

    def _note_failed(self, job: Job, reason: str) -> None:
        image = self.making.images.of_job(job.job_id)
        if image is not None:
            self.making.images.note_failed(owner_of(job), image, reason)

    def _build(self, job: Job, version: int, repository: Repository) -> Image:
        image = self.making.images.add(owner_of(job), self._attempt(job, version, repository))
        return self.making.build(owner_of(job), image, log=self._log(job))

    def _push(self, job: Job, version: int, repository: Repository) -> Image:
        image = self.making.images.of_job(job.job_id) or self._attempt(job, version, repository)
        return self.making.push(owner_of(job), image, log=self._log(job))

    def _attempt(self, job: Job, version: int, repository: Repository) -> Image:
        owner = owner_of(job)
        found = self.registry.version(owner, job.model_name, version)
        return self.making.images.new(owner, found, repository=repository, job_id=job.job_id)

    def _log(self, job: Job) -> Callable[[str], None]:
        return partial(self.jobs.log(job.job_id).write, AFTER_RUN)


def _result(image: Image) -> Result:
    digest = None if image.content is None else image.content.digest
    return {"image": image.name, "image_id": image.image_id, "image_digest": digest}
