"""Puts the nouns of training together: projects, scripts and what their runs logged."""

from collections.abc import Sequence

from fastapi import APIRouter

from modelyard.main.adapters import opening
from modelyard.main.catalogue import Catalogue
from modelyard.main.context import Context
from modelyard.main.deployments import DeploymentParts
from modelyard.main.jobs import JobParts
from modelyard.mlops.routes import one_click_routes, registration_routes, training_routes
from modelyard.packaging.service import PackagingService
from modelyard.projects.routes import project_routes
from modelyard.projects.service import ProjectService
from modelyard.training.afterwards import RegisteringAfterwards
from modelyard.training.logged import LoggedByJobs
from modelyard.training.opening import OpeningModels
from modelyard.training.service import TrainingService
from modelyard.training.workflows import Training


class TrainingParts:
    """Projects, and jobs that train."""

    def __init__(self, context: Context, jobs: JobParts, catalogue: Catalogue, serving: DeploymentParts) -> None:
        settings = context.settings
        self._jobs = jobs.jobs
        self._registration = catalogue.registration
        metric_rules = catalogue.policies.metric_rules
        self.projects = ProjectService(
            folder=settings.storage.places.projects,
            scratch=context.scratch.folder,
            clock=context.clock,
            max_bytes=settings.projects.max_bytes,
            kept=settings.projects.kept,
            disk=context.disk,
        )
        self.training = TrainingService(
            jobs=self._jobs,
            secrets=jobs.secrets,
            projects=self.projects,
            targets=serving.targets,
            metric_rules=metric_rules,
            most_seconds=settings.runs.seconds,
        )
        logged = LoggedByJobs(context.adapters.tracking, catalogue.registry.job_runs)
        self._afterwards = RegisteringAfterwards(self._jobs, catalogue.registry, logged, metric_rules)
        self.steps = _steps(context, jobs, catalogue, serving.packaging, self.projects, logged)

    def routes(self) -> Sequence[APIRouter]:
        """The surfaces of training and of registering what it made."""
        return [
            training_routes(self.training, self._jobs),
            one_click_routes(self.training, self._jobs),
            project_routes(self.projects),
            registration_routes(self._registration, self._afterwards),
        ]


def _steps(
    context: Context,
    jobs: JobParts,
    catalogue: Catalogue,
    packaging: PackagingService,
    projects: ProjectService,
    logged: LoggedByJobs,
) -> Training:
    settings, adapters = context.settings, context.adapters
    return Training(
        jobs=jobs.jobs,
        registry=catalogue.registry,
        packaging=packaging,
        environments=adapters.environments,
        runner=adapters.runner,
        tracking=adapters.tracking,
        clock=context.clock,
        limits=settings.runs.limits,
        secrets=jobs.secrets,
        projects=projects,
        logged=logged,
        opening=OpeningModels(
            tracking=adapters.tracking,
            runner=adapters.runner,
            packaging=packaging,
            opening=opening(settings, adapters),
            scratch=context.scratch.folder,
        ),
        metric_rules=catalogue.policies.metric_rules,
        tracking_requirement=settings.tracking_server.requirement,
        credentials=adapters.run_credentials,
        check_space=context.disk.refuse_full,
    )
