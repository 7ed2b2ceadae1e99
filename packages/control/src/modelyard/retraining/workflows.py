"""The steps of a retraining: those of a training, then the comparison with production, then staging by rule."""

from dataclasses import dataclass

from modelyard.audit.service import AuditLog
from modelyard.comparison.domain import standing_of
from modelyard.comparison.service import ComparisonService
from modelyard.db import Database
from modelyard.errors import NotFound, Precondition
from modelyard.jobs.domain import Job
from modelyard.jobs.service import owner_of
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.promotion.policies import Policies
from modelyard.promotion.service import PromotionService
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.retraining.domain import Beside, Decision, StageRule, decide
from modelyard.retraining.findings import Findings
from modelyard.training.kinds import RETRAINING, Phase
from modelyard.training.workflows import Training


@dataclass(frozen=True, slots=True)
class Retraining:
    """What the steps of a retraining need."""

    training: Training
    registry: RegistryService
    comparisons: ComparisonService
    policies: Policies
    promotion: PromotionService
    database: Database
    audit: AuditLog

    @property
    def work(self) -> JobWork:
        """What a retraining does."""
        return JobWork(RETRAINING, self.run, self.training.stop)

    def run(self, steps: JobSteps) -> Result:
        """From a recipe to a version, with what it is beside the one in production."""
        job = steps.job
        registered = self.training.train_and_register(steps)
        number: int = registered["model_version"]
        steps.enter(Phase.COMPARING)
        compared = Findings.from_json(steps.run("compare", lambda: self._compare(job, number).to_json()))
        steps.enter(Phase.STAGING, retraining=compared.to_json())
        staged = steps.run("stage", lambda: self._stage(job, number, compared).to_json())
        steps.run("note", lambda: self._note(job, number, Findings.from_json(staged)))
        return {**registered, "retraining": staged}

    def _compare(self, job: Job, number: int) -> Findings:
        """How the version stands beside the one that is in production now."""
        owner = owner_of(job)
        production = self.registry.model(owner, job.model_name).production_version
        try:
            if production is None:
                return Findings()
            found = self.comparisons.compare(owner, job.model_name, [production, number])
        except NotFound:
            if number not in self.registry.find_versions(owner, job.model_name, [number]):
                raise
            return Findings()  # The version in production was deleted meanwhile.
        beside = Beside(production, standing_of(found), found.breaking.get(number, ()))
        return Findings(beside, found.recommendation, found.reasons)

    def _stage(self, job: Job, number: int, found: Findings) -> Findings:
        rule = StageRule(job.request["stage_if"])
        while True:
            version = self.registry.version(owner_of(job), job.model_name, number)
            if version.stage is not Stage.NONE:
                return found.decided(_moved_already(version))
            unmet = [each.message for each in self.policies.findings(owner_of(job), version) if not each.is_met]
            decision = decide(rule, found.beside, unmet=unmet)
            if not decision.is_staged or self._move(job, version, decision):
                return found.decided(decision)

    def _move(self, job: Job, version: Version, decision: Decision) -> bool:
        """Whether it was moved: not if somebody has changed it since it was read."""
        comment = f"retrained by {job.job_id} from version {job.request['parent_version']}: {decision.reason}"
        try:
            self.promotion.change_stage(owner_of(job), version, Stage.STAGING, comment=comment, revision=None)
        except Precondition:
            return False
        return True

    def _note(self, job: Job, number: int, found: Findings) -> Result:
        """Leave the entry of the audit log, which is an event. Again, it is there already."""
        owner, action = owner_of(job), "version.retrained"
        version = self.registry.version(owner, job.model_name, number)
        after = {
            "job_id": job.job_id,
            "parent_version": job.request["parent_version"],
            "production_version": found.beside.production_version,
            "standing": found.beside.standing,
            "is_staged": found.is_staged,
        }
        with self.database.write() as connection:
            noted = self.audit.latest(connection, job.tenant_id, action=action, subject_prefix=version.subject)
            if all(entry.subject != version.subject for entry in noted):
                self.audit.record(connection, principal=owner, action=action, subject=version.subject, after=after)
        return {}


def _moved_already(version: Version) -> Decision:
    """By the model's policy at its registration, or by somebody since."""
    is_staged = version.stage is Stage.STAGING
    said = "it is in staging already: the model's policy or somebody moved it there"
    return Decision(is_staged=is_staged, reason=said if is_staged else f"somebody moved it to {version.stage}")
