"""Registers what a job's script had logged after the job has ended: it failed, or it logged more models than one."""

from dataclasses import dataclass

from modelyard.errors import Conflict
from modelyard.jobs.service import JobService
from modelyard.naming import validate_model_name
from modelyard.principals import Principal
from modelyard.registry.domain import Given, Version, refuse_platform_tags
from modelyard.registry.selection import MetricRules, parse_best_of, select_model
from modelyard.registry.service import RegistryService
from modelyard.training.kinds import TRAINING_KINDS
from modelyard.training.logged import LoggedByJobs


@dataclass(frozen=True, slots=True)
class RegisteringAfterwards:
    """Needs no training: the files, the metrics and the environment of the job's runs are what they were at its end."""

    jobs: JobService
    registry: RegistryService
    logged: LoggedByJobs
    metric_rules: MetricRules

    def register(
        self,
        principal: Principal,
        job_id: str,
        *,
        name: str,
        logged_model: str | None,
        best_of: str | None,
        given: Given,
    ) -> Version:
        """Register one of the job's models as the next version of `name`. Asked again, it is the version of before.

        Raises:
            NotFound: code `job_not_found`.
            Conflict: code `job_running`; or `already_registered`, when something else is said of it now.
            Invalid: as `select_model`, or a name or tag that cannot be.
        """
        validate_model_name(name, field="name")
        refuse_platform_tags(given.tags)
        job = self.jobs.get(principal, job_id, kinds=TRAINING_KINDS)
        self.registry.refuse_running(job.job_id)
        rules = self.metric_rules(principal, name)
        selection = select_model(
            self.logged.candidates(job.job_id),
            logged_model=logged_model,
            best_of=None if best_of is None else parse_best_of(best_of, rules),
        )
        model = selection.chosen.model
        earlier = self.registry.version_of(principal.tenant_id, name, model.uri)
        if earlier is not None and given == Given():
            return earlier
        if earlier is not None:
            raise Conflict(
                f"it is version {earlier.version} of '{name}' already: edit that, or register it under another name",
                code="already_registered",
            )
        return self.registry.register(
            principal,
            model_name=name,
            logged=model,
            description=given.description or f"trained by {job.request['script_name']}",
            tags=given.tags,
            metrics=given.metrics,
            parameters=given.parameters,
        )
