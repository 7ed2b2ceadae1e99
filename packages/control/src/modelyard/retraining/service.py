"""Makes the jobs that retrain versions. What such a job does is in `workflows.py`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.errors import Forbidden
from modelyard.jobs.domain import Job
from modelyard.principals import Permission, Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.retraining.domain import Changes, StageRule
from modelyard.retraining.recipes import Recipes
from modelyard.training.kinds import RETRAINING
from modelyard.training.scripts import Script
from modelyard.training.service import TrainingService


class RetrainingService:
    """Retraining of versions of all tenants."""

    def __init__(
        self, *, registry: RegistryService, training: TrainingService, recipes: Recipes, audit: AuditLog
    ) -> None:
        self._registry = registry
        self._training = training
        self._recipes = recipes
        self._audit = audit

    def retrain(
        self,
        principal: Principal,
        model_name: str,
        number: int,
        changes: Changes,
        *,
        idempotency_key: str | None = None,
        asked: Mapping[str, Any] | None = None,
    ) -> Job:
        """A job that runs the recipe of a version again, with changes, for the next version of the model.

        Args:
            asked: what was asked for, where version and changes say what that came to mean; see `JobService.create`.

        Raises:
            NotFound: there is no such version, or its project is gone.
            Conflict: code `recipe_missing`, `lock_missing` or `version_deleting`.
            Invalid: a field is not what it should be; the error names it.
            Forbidden: code `permission_missing`, when it shall be staged by who may not stage.
        """
        version, script, more = self._prepared(principal, model_name, number, changes)

        def note(connection: Connection, job: Job) -> None:
            self._audit.record(
                connection,
                principal=principal,
                action="version.retraining_requested",
                subject=version.subject,
                after={"job_id": job.job_id, "stage_if": str(changes.stage_if)},
            )

        return self._training.submit(
            principal,
            RETRAINING,
            script,
            model_name=version.model_name,
            more=more,
            idempotency_key=idempotency_key,
            asked=asked,
            alongside=note,
        )

    def check(self, principal: Principal, model_name: str, number: int, changes: Changes) -> None:
        """Whether a version could be retrained with these changes now.

        Raises:
            As `retrain`.
        """
        _, script, _ = self._prepared(principal, model_name, number, changes)
        self._training.checked(principal, script, model_name)

    def _prepared(
        self, principal: Principal, model_name: str, number: int, changes: Changes
    ) -> tuple[Version, Script, dict[str, Any]]:
        """The version, the script that runs, and what the job's request says besides."""
        _refuse_staging_without_permission(principal, changes.stage_if)
        version = self._registry.version(principal, model_name, number)
        recipe = self._recipes.of(principal, version)
        script = recipe.script(changes)
        more: dict[str, Any] = {"parent_version": version.version, "stage_if": str(changes.stage_if)}
        if not changes.updates_requirements:
            more["lock"] = self._recipes.lock_of(recipe)
        return version, script, more


def _refuse_staging_without_permission(principal: Principal, rule: StageRule) -> None:
    if rule is not StageRule.NEVER and not principal.may(Permission.MODELS_WRITE):
        raise Forbidden(
            f"stage_if: to stage a version needs the permission '{Permission.MODELS_WRITE}', which {principal.title} "
            "does not have",
            code="permission_missing",
            field="stage_if",
        )
