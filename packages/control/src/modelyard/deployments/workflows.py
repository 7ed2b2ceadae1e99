"""The steps of a deployment: build the bundle, and the image where the target runs images, write down that it shall
serve, wait until it does."""

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.deployments.domain import autoscaling_of_json, refuse_other_resources, resources_of_json
from modelyard.deployments.kinds import DEPLOYMENT, Phase
from modelyard.deployments.replacement import Replacement
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus, DesiredState, ReplacementStatus
from modelyard.deployments.targets import Targets
from modelyard.errors import ModelyardError
from modelyard.images.domain import has_registry
from modelyard.images.workflows import Imaging
from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.oci.reference import Repository
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.registry.domain import Version, refuse_deleting
from modelyard.registry.service import RegistryService

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Deploying:
    """What the steps of a deployment need."""

    jobs: JobService
    registry: RegistryService
    packaging: PackagingService
    deployments: DeploymentService
    imaging: Imaging
    targets: Targets
    clock: Clock
    ready_seconds: float
    has_arrived: Callable[[str], bool]
    """Whether the gateway leads to a deployment that is ready. It says yes at last, and where there is no gateway."""

    @property
    def work(self) -> JobWork:
        """What the job of a deployment does."""
        return JobWork(DEPLOYMENT, self.deploy, self.undeploy_after_failure)

    def deploy(self, steps: JobSteps) -> Result:
        """The version that was asked for, as `build_and_deploy`."""
        return self.build_and_deploy(steps, version=steps.job.request["version"])

    def build_and_deploy(self, steps: JobSteps, *, version: int) -> Result:
        """From version to answering address: gives `deployment_id`, `deployment_url` and `image`."""
        job = steps.job
        steps.enter(Phase.BUILDING)
        built = self._build(steps, version)
        steps.enter(Phase.DEPLOYING, **built)
        created = steps.run("deploy", lambda: self._deploy(job, version))
        steps.enter(Phase.DEPLOYING, **created)
        ready = steps.run("ready", lambda: self._wait(job, created["deployment_id"]))
        steps.enter(Phase.DEPLOYED, **ready)
        return {**built, **created, **ready}

    def undeploy_after_failure(self, job: Job) -> None:
        """Take away the deployment, or end the replacement, of a job that failed or was cancelled."""
        self.imaging.give_up(job)
        if self.deployments.replacements.give_up(job.job_id, "its job did not succeed") is not None:
            return
        deployment = self.deployments.of_job(job.job_id)
        if deployment is not None:
            self.deployments.undeploy(owner_of(job), deployment.deployment_id, reason="its job did not succeed")

    def _build(self, steps: JobSteps, version: int) -> Result:
        """The bundle, and for a target that runs images the image."""
        built = dict(steps.run("build", lambda: self._build_bundle(steps.job, version)))
        if (place := built.pop("image_repository", None)) is None:
            return built
        repository = Repository.parse(place)
        image = self.imaging.build(steps, version=version, repository=repository)
        if has_registry(repository):
            image = self.imaging.push(steps, version=version, repository=repository)
        return {**built, **image}

    def _build_bundle(self, job: Job, version: int) -> Result:
        log = self.jobs.log(job.job_id)
        found = self.registry.version(owner_of(job), job.model_name, version)
        refuse_deleting(found)
        bundle = self.packaging.build(found, log=lambda line: log.write(AFTER_RUN, line))
        repository = self.targets.repository(self._target(job, found), job.tenant_id)
        place = {} if repository is None else {"image_repository": str(repository)}
        return {"model_version": version, "run_id": found.run_id, "image": bundle.reference, **place}

    def _target(self, job: Job, version: Version) -> str:
        """Where the job's servers will run: in the target that it names, or where the deployment is that is meant."""
        owner, wanted = owner_of(job), job.request
        replacement = self.deployments.replacements.of_job(job.job_id)
        if replacement is not None:
            return self.deployments.get(owner, replacement.deployment_id).target
        named, namespace = wanted.get("target"), wanted["namespace"]
        there = None
        if wanted.get("replace", False):
            there = self.deployments.replaceable(owner, job.model_name, namespace, target=named)
        elif not wanted.get("another", False):
            there = self.deployments.serving(owner, version, namespace, target=named)
        if there is not None:
            return there.target
        return named or self.targets.default

    def _deploy(self, job: Job, version: int) -> Result:
        """Write down what shall be: a replacement, the deployment that serves the version already, or another one."""
        owner, wanted = owner_of(job), job.request
        autoscaling = autoscaling_of_json(wanted.get("autoscaling"))
        replacement = self._replacement(job, version)
        if replacement is not None:
            self.deployments.replacements.start(job.job_id)
            deployment = self.deployments.get(owner, replacement.deployment_id)
        else:
            resources = resources_of_json(wanted.get("resources"))
            deployment = self.deployments.create(
                owner,
                self.registry.version(owner, job.model_name, version),
                replicas=wanted["replicas"] or 1,
                namespace=wanted["namespace"],
                target=wanted.get("target"),
                resources=resources,
                autoscaling=autoscaling,
                job_id=job.job_id,
                is_another=wanted.get("another", False),
            )
            if deployment.job_id != job.job_id:
                refuse_other_resources(deployment, resources)
                self._say(job, f"version {version} already serves as '{deployment.deployment_id}'")
        if autoscaling not in {None, deployment.autoscaling}:
            self.deployments.scaling.autoscale(owner, deployment.deployment_id, autoscaling)
        elif wanted["replicas"] not in {None, deployment.replicas}:
            self.deployments.scaling.scale(owner, deployment.deployment_id, wanted["replicas"])
        return {"deployment_id": deployment.deployment_id}

    def _replacement(self, job: Job, version: int) -> Replacement | None:
        """That of the job; made now, when the job shall replace whatever version serves."""
        made = self.deployments.replacements.of_job(job.job_id)
        if made is not None or not job.request.get("replace", False):
            return made
        owner = owner_of(job)
        serving = self.deployments.replaceable(
            owner, job.model_name, job.request["namespace"], target=job.request.get("target")
        )
        if serving is None or serving.version == version:
            return None
        refuse_other_resources(serving, resources_of_json(job.request.get("resources")))
        self.deployments.replace(owner, serving.deployment_id, version, job_id=job.job_id)
        return self.deployments.replacements.of_job(job.job_id)

    def _wait(self, job: Job, deployment_id: str) -> Result:
        deadline = self.clock.now().timestamp() + self.ready_seconds
        while True:
            is_late = self.clock.now().timestamp() > deadline
            url = self._address_of_ready(job, deployment_id, is_late=is_late)
            if url is not None and self.has_arrived(deployment_id):
                self._say(job, f"serving at {url}")
                return {"deployment_url": url}
            if not self._is_past_return(job):
                self.jobs.raise_if_cancelled(job.job_id)
            self.clock.sleep(_POLL_SECONDS)

    def _is_past_return(self, job: Job) -> bool:
        """Whether the deployment is at the job's version, so that the job can only end well."""
        replacement = self.deployments.replacements.of_job(job.job_id)
        return replacement is not None and replacement.status is ReplacementStatus.DRAINING

    def _address_of_ready(self, job: Job, deployment_id: str, *, is_late: bool) -> str | None:
        """Where the job's version answers; None while it does not yet."""
        replacement = self.deployments.replacements.of_job(job.job_id)
        if replacement is not None:
            if is_late:
                late = f"it was not ready within {self.ready_seconds:g} s; version {replacement.from_version} goes on"
                replacement = self.deployments.replacements.give_up(job.job_id, late) or replacement
            if replacement.status is ReplacementStatus.FAILED:
                raise ModelyardError(
                    f"version {replacement.version} did not take the place of version {replacement.from_version} in "
                    f"'{deployment_id}': {replacement.reason} (generation {replacement.generation} of its log)",
                    code="replacement_failed",
                )
        deployment = self.deployments.get(owner_of(job), deployment_id)
        if replacement is not None:
            return deployment.url if replacement.status is ReplacementStatus.DONE else None
        if deployment.status is DeploymentStatus.READY and deployment.url is not None:
            return deployment.url
        if deployment.status is DeploymentStatus.FAILED:
            raise ModelyardError(
                f"the model server of '{deployment_id}' did not start: {deployment.reason}", code="server_failed"
            )
        if deployment.desired_state is DesiredState.STOPPED:
            raise ModelyardError(
                f"the deployment '{deployment_id}' was undeployed before it was ready", code="undeployed"
            )
        if is_late:
            is_ready = deployment.status is DeploymentStatus.READY
            late = "had no address" if is_ready else "was not ready"
            reason = f": {deployment.reason}" if deployment.reason else ""
            raise ModelyardError(
                f"the model server of '{deployment_id}' {late} within {self.ready_seconds:g} s{reason}",
                code="server_not_ready",
            )
        return None

    def _say(self, job: Job, line: str) -> None:
        self.jobs.log(job.job_id).write(AFTER_RUN, line)
