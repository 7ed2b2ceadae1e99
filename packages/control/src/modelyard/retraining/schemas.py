"""Retraining on the wire."""

from typing import Annotated, Any

from pydantic import Field

from modelyard.http.bodies import RequestBody
from modelyard.jobs.domain import Job
from modelyard.registry.schemas import Answer
from modelyard.retraining.domain import Changes, StageRule
from modelyard.training.schemas import Data


class RecipeBody(RequestBody):
    """What runs otherwise than when the version was trained; what is left out stays as it was."""

    arguments: list[str] | None = Field(default=None, description="what the script finds in `sys.argv`")
    parameters: dict[str, Any] = Field(default={}, max_length=200, description="of a notebook, by name")
    environment: dict[str, str] = Field(default={}, description="variables of the run, by name")
    data: Data = Field(default={})
    runner: str | None = Field(default=None, description="one of the operator's runners; the recipe's own without it")
    timeout_seconds: float | None = None
    update_requirements: bool = Field(
        default=False, description="resolve the requirements anew; without it the version's exact environment is used"
    )
    stage_if: Annotated[StageRule, Field(strict=False)] = Field(
        default=StageRule.NEVER,
        description="when the new version goes to staging: if it is `better` or `not_worse` than production and meets "
        "the model's policy, `always`, or `never`. To production it goes by an approval only",
    )

    def changes(self) -> Changes:
        """As the service takes it."""
        return Changes(
            arguments=self.arguments,
            parameters=self.parameters,
            environment=self.environment,
            data={name: each.reference() for name, each in self.data.items()},
            runner=self.runner,
            timeout_seconds=self.timeout_seconds,
            updates_requirements=self.update_requirements,
            stage_if=self.stage_if,
        )


class RetrainingAnswer(Answer):
    """What a retraining found; null where it has not come that far."""

    parent_version: int = Field(description="the version whose recipe runs")
    stage_if: StageRule
    production_version: int | None = Field(description="what the new version was compared with")
    standing: str | None = Field(description="`better`, `equal`, `worse`, `mixed`, or `not_comparable` with production")
    recommendation: str | None
    reasons: list[str]
    breaking_changes: list[str]
    is_staged: bool | None
    stage_reason: str | None

    @classmethod
    def of(cls, job: Job) -> "RetrainingAnswer | None":
        """Of a job that retrains."""
        if "parent_version" not in job.request:
            return None
        found = job.result.get("retraining", {})
        return cls(
            parent_version=job.request["parent_version"],
            stage_if=job.request["stage_if"],
            production_version=found.get("production_version"),
            standing=found.get("standing"),
            recommendation=found.get("recommendation"),
            reasons=found.get("reasons", []),
            breaking_changes=found.get("breaking_changes", []),
            is_staged=None if found.get("stage_reason") is None else found["is_staged"],
            stage_reason=found.get("stage_reason"),
        )
