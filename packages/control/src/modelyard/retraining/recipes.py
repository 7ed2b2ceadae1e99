"""The recipe of a version: the job that trained it, as a script that can run again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.packaging.service import PackagingService
from modelyard.principals import Principal
from modelyard.registry.domain import Version, refuse_deleting
from modelyard.retraining.domain import Changes
from modelyard.training.kinds import TRAINING_KINDS
from modelyard.training.runners import name_of
from modelyard.training.scripts import Script, script_of
from modelyard_client.notebooks import is_notebook


@dataclass(frozen=True, slots=True)
class Recipe:
    """What trained a version."""

    version: Version
    job: Job

    @property
    def secrets(self) -> Collection[str]:
        """The names of the secrets that its run had. Their values went with the job."""
        names: list[str] = self.job.request.get("secrets", [])
        return names

    def script(self, changes: Changes) -> Script:
        """The script with these changes.

        Raises:
            Invalid: code `secrets_missing`, `notebook_unknown` or `kernel_missing`.
        """
        self._require_secrets(changes.secrets)
        script = script_of(self.job.request, secrets=changes.secrets)
        return replace(
            script,
            script_name=self._entry(script, changes),
            arguments=script.arguments if changes.arguments is None else changes.arguments,
            parameters={**script.parameters, **changes.parameters},
            environment={**script.environment, **changes.environment},
            data={**script.data, **changes.data},
            timeout_seconds=script.timeout_seconds if changes.timeout_seconds is None else changes.timeout_seconds,
            runner=changes.runner or name_of(self.job),
        )

    def _require_secrets(self, given: Mapping[str, str]) -> None:
        missing = [name for name in self.secrets if name not in given]
        if missing:
            raise Invalid(
                f"secrets: expected values for {', '.join(missing)}, which the run of version {self.version.version} "
                "had: they are not kept after a job, so give them again",
                code="secrets_missing",
                field="secrets",
            )

    def _entry(self, script: Script, changes: Changes) -> str | None:
        notebook = changes.notebook
        if notebook is None or notebook == script.script_name:
            return script.script_name
        if script.project is None or not is_notebook(notebook):
            raise Invalid(
                f"notebook: expected the path of a notebook in the project of version {self.version.version}, got "
                f"{notebook[:80]!r}; the version was trained by '{script.script_name}'"
                + ("" if script.project else ", which was sent without a project"),
                code="notebook_unknown",
                field="notebook",
            )
        if not changes.updates_requirements and not is_notebook(script.script_name or ""):
            raise Invalid(
                f"notebook: version {self.version.version} was trained by a script, whose environment has no kernel: "
                "have its requirements resolved anew (update_requirements, `--update-requirements`)",
                code="kernel_missing",
                field="notebook",
            )
        return notebook


class Recipes:
    """Recipes of all versions."""

    def __init__(self, *, jobs: JobService, packaging: PackagingService) -> None:
        self._jobs = jobs
        self._packaging = packaging

    def of(self, principal: Principal, version: Version) -> Recipe:
        """The recipe of a version.

        Raises:
            Conflict: code `recipe_missing`, when no script of ours trained it; `version_deleting`.
        """
        refuse_deleting(version)
        job_id = version.job_id or version.provenance.job_id
        job = None if job_id is None else self._find(principal, job_id)
        if job is None or job.kind not in TRAINING_KINDS:
            source = version.provenance.source
            how = f" (its source is '{source}')" if source is not None and job is None else ""
            raise Conflict(
                f"version {version.version} of '{version.model_name}' has no recipe: no script of this platform "
                f"trained it{how}. Train the model here once (`modelyard train SCRIPT --model {version.model_name}`, "
                "POST /mlops/training/upload); versions that come of that can be retrained",
                code="recipe_missing",
            )
        return Recipe(version, job)

    def lock_of(self, recipe: Recipe) -> str:
        """The digest of the lock that a version was trained with.

        Raises:
            Conflict: code `lock_missing`.
        """
        digest = recipe.version.lock_digest
        if digest is None or not self._packaging.lock_text(digest):
            raise Conflict(
                f"the exact environment of version {recipe.version.version} is not known: ask for one that is resolved "
                "anew (update_requirements, `--update-requirements`)",
                code="lock_missing",
                field="update_requirements",
            )
        return digest

    def _find(self, principal: Principal, job_id: str) -> Job | None:
        try:
            return self._jobs.get(principal, job_id)
        except NotFound:
            return None
