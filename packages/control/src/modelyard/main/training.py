"""Puts the nouns of training together: projects, scripts and what their runs logged."""

from collections.abc import Sequence

from modelyard.http.routing import APIRouter
from modelyard.main.adapters import opening
from modelyard.main.context import Context
from modelyard.main.deployments import DeploymentParts
from modelyard.main.jobs import JobParts
from modelyard.main.registry import RegistryParts
from modelyard.mlops.notebook_routes import notebook_routes
from modelyard.mlops.routes import one_click_routes, registration_routes, training_routes
from modelyard.packaging.service import PackagingService
from modelyard.ports.stable_addresses import StableAddresses
from modelyard.projects.routes import project_routes
from modelyard.projects.service import ProjectService
from modelyard.training.afterwards import RegisteringAfterwards
from modelyard.training.executed_notebooks import ExecutedNotebooks
from modelyard.training.foreign_runs import ForeignRuns
from modelyard.training.logged import LoggedByJobs
from modelyard.training.opening import OpeningModels
from modelyard.training.runners import Runners
from modelyard.training.service import TrainingService
from modelyard.training.workflows import Training


class TrainingParts:
    """Projects, and jobs that train."""

    def __init__(
        self, context: Context, jobs: JobParts, registry_parts: RegistryParts, serving: DeploymentParts
    ) -> None:
        settings, runners = context.settings, Runners(context.adapters.runners)
        self._jobs = jobs.jobs
        self._registration = registry_parts.registration
        metric_rules = registry_parts.policies.metric_rules
        self.projects = ProjectService(
            folder=settings.storage.places.projects,
            scratch=context.scratch.folder,
            clock=context.clock,
            max_bytes=settings.projects.max_bytes,
            kept=settings.projects.kept,
            disk=context.disk,
            is_needed=registry_parts.registry.is_archive_needed,
        )
        self.training = TrainingService(
            jobs=self._jobs,
            secrets=jobs.secrets,
            projects=self.projects,
            targets=serving.targets,
            runners=runners,
            metric_rules=metric_rules,
            most_seconds=settings.runs.seconds,
        )
        tracking = context.adapters.tracking
        foreign_runs = ForeignRuns(tracking, context.scratch.folder)
        logged = LoggedByJobs(tracking, registry_parts.registry.job_runs, foreign_runs)
        self._afterwards = RegisteringAfterwards(self._jobs, registry_parts.registry, logged, metric_rules)
        self._notebooks = ExecutedNotebooks(settings.storage.places.jobs, context.scratch.folder, tracking)
        self.steps = _steps(
            context, jobs, registry_parts, serving.packaging, self.projects, runners, logged, self._notebooks
        )

    def routes(self, addresses: StableAddresses) -> Sequence[APIRouter]:
        """The surfaces of training and of registering what it made."""
        return [
            training_routes(self.training, self._jobs, addresses),
            one_click_routes(self.training, self._jobs, addresses),
            notebook_routes(self._jobs, self._notebooks),
            project_routes(self.projects),
            registration_routes(self._registration, self._afterwards),
        ]


def _steps(
    context: Context,
    jobs: JobParts,
    registry_parts: RegistryParts,
    packaging: PackagingService,
    projects: ProjectService,
    runners: Runners,
    logged: LoggedByJobs,
    notebooks: ExecutedNotebooks,
) -> Training:
    settings, adapters = context.settings, context.adapters
    return Training(
        jobs=jobs.jobs,
        registry=registry_parts.registry,
        packaging=packaging,
        environments=adapters.environments,
        runners=runners,
        tracking=adapters.tracking,
        clock=context.clock,
        limits=settings.runs.limits,
        secrets=jobs.secrets,
        projects=projects,
        logged=logged,
        opening=OpeningModels(
            tracking=adapters.tracking,
            packaging=packaging,
            opening=opening(settings, adapters),
            scratch=context.scratch.folder,
        ),
        notebooks=notebooks,
        metric_rules=registry_parts.policies.metric_rules,
        tracking_requirement=settings.tracking_server.requirement,
        credentials=adapters.run_credentials,
        check_space=context.disk.refuse_full,
    )
