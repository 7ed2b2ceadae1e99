"""Puts retraining together over the registry, training and promotion."""

from modelyard.main.context import Context
from modelyard.main.deployments import DeploymentParts
from modelyard.main.jobs import JobParts
from modelyard.main.registry import RegistryParts
from modelyard.main.training import TrainingParts
from modelyard.retraining.recipes import Recipes
from modelyard.retraining.service import RetrainingService
from modelyard.retraining.workflows import Retraining


class RetrainingParts:
    """What makes the jobs, and what they do."""

    def __init__(
        self,
        context: Context,
        jobs: JobParts,
        registry_parts: RegistryParts,
        training: TrainingParts,
        serving: DeploymentParts,
    ) -> None:
        self.service = RetrainingService(
            registry=registry_parts.registry,
            training=training.training,
            recipes=Recipes(jobs=jobs.jobs, packaging=serving.packaging),
            audit=context.audit,
        )
        self.steps = Retraining(
            training=training.steps,
            registry=registry_parts.registry,
            comparisons=registry_parts.comparisons,
            policies=registry_parts.policies,
            promotion=registry_parts.promotion,
            database=context.database,
            audit=context.audit,
        )
