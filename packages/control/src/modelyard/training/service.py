"""Takes scripts: checks what was sent, word by word, and makes the job. Nothing runs here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from modelyard.deployments.domain import checked_deployment, checked_place
from modelyard.deployments.targets import Targets, placement
from modelyard.errors import Invalid
from modelyard.job_secrets.service import JobSecrets
from modelyard.jobs.domain import Job, JobKind
from modelyard.jobs.service import JobService
from modelyard.naming import validate_experiment_name, validate_model_name
from modelyard.ports.target import DEFAULT_RESOURCES, Autoscaling, Resources
from modelyard.principals import Principal
from modelyard.projects.service import ProjectService
from modelyard.registry.selection import MetricRules, parse_best_of
from modelyard.tracker_names import mirror_name
from modelyard.training.kinds import ONE_CLICK, TRAINING
from modelyard.training.runners import Runners
from modelyard.training.scripts import Script, request_of
from modelyard_client.notebooks import is_notebook


class TrainingService:
    """Makes training and one-click jobs.

    Args:
        most_seconds: the longest that the operator lets a script run.
    """

    def __init__(
        self,
        *,
        jobs: JobService,
        secrets: JobSecrets,
        projects: ProjectService,
        targets: Targets,
        runners: Runners,
        metric_rules: MetricRules,
        most_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._secrets = secrets
        self._projects = projects
        self._targets = targets
        self._runners = runners
        self._metric_rules = metric_rules
        self._most_seconds = most_seconds

    def train(
        self, principal: Principal, script: Script, *, model_name: str, idempotency_key: str | None = None
    ) -> Job:
        """A job that trains and registers.

        Raises:
            Invalid: a field is not what it should be; the error names it. NotFound: there is no such project.
        """
        return self.submit(principal, TRAINING, script, model_name=model_name, idempotency_key=idempotency_key)

    def one_click(
        self,
        principal: Principal,
        script: Script,
        *,
        model_name: str,
        replicas: int | None,
        namespace: str | None,
        target: str | None = None,
        resources: Resources = DEFAULT_RESOURCES,
        autoscaling: Autoscaling | None = None,
        replace: bool = False,
        idempotency_key: str | None = None,
    ) -> Job:
        """A job that trains, registers, builds and deploys.

        Raises:
            Invalid: a field is not what it should be; the error names it. NotFound: there is no such project.
        """
        more = checked_deployment(replicas=replicas, namespace=namespace)
        self._targets.check(target, resources, namespace=str(more["namespace"]))
        self._targets.check_autoscaling(target, autoscaling)
        more |= placement(target, resources, autoscaling)
        more |= checked_place(another=False, replace=replace)
        return self.submit(
            principal, ONE_CLICK, script, model_name=model_name, more=more, idempotency_key=idempotency_key
        )

    def submit(
        self,
        principal: Principal,
        kind: JobKind,
        script: Script,
        *,
        model_name: str,
        more: Mapping[str, Any] = MappingProxyType({}),
        idempotency_key: str | None = None,
        asked: Mapping[str, Any] | None = None,
        alongside: Callable[[Connection, Job], None] = lambda _, __: None,
    ) -> Job:
        """A job of a kind that trains. `more` is what the kind adds to the request; `asked` is as for `jobs.create`.

        Two requests that differ in a secret only are two, and no row shows by how much.

        Raises:
            Invalid: a field is not what it should be; the error names it. NotFound: there is no such project.
        """
        request = {**self.checked(principal, script, model_name), **more}
        if asked is None:
            asked = request | ({"secrets": self._secrets.digests(script.secrets)} if script.secrets else {})

        def keep(connection: Connection, job: Job) -> None:
            self._secrets.keep(connection, job, script.secrets)
            alongside(connection, job)

        return self._jobs.create(
            principal,
            kind=kind,
            model_name=model_name,
            request=request,
            idempotency_key=idempotency_key,
            asked=asked,
            alongside=keep,
            experiment_name=mirror_name(principal.tenant_id, request["experiment_name"]),
        )

    def checked(self, principal: Principal, script: Script, model_name: str) -> dict[str, Any]:
        """What a job would keep of the script, if it can be run now.

        Raises:
            Invalid: a field is not what it should be; the error names it. NotFound: there is no such project.
        """
        project = None if script.project is None else self._projects.get(principal.tenant_id, script.project).folder
        request = request_of(script, project)
        validate_model_name(model_name, field="model_name")
        experiment_name = model_name if script.experiment_name is None else script.experiment_name
        validate_experiment_name(experiment_name)
        if script.best_of is not None:
            parse_best_of(script.best_of, self._metric_rules(principal, model_name))
        self._check_timeout(script.timeout_seconds)
        self._runners.check(
            script.runner,
            is_notebook=is_notebook(request["script_name"]),
            has_project=script.project is not None,
            has_secrets=bool(script.secrets),
        )
        return request | self._runners.chosen(script.runner) | {"experiment_name": experiment_name}

    def _check_timeout(self, seconds: float | None) -> None:
        if seconds is not None and not 0 < seconds <= self._most_seconds:
            raise Invalid(
                f"timeout_seconds: expected a positive number up to {self._most_seconds:g}, the longest that the "
                f"operator allows (MODELYARD_RUN_SECONDS), got {seconds:g}",
                code="timeout_invalid",
                field="timeout_seconds",
            )
