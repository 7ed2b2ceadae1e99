"""Registering by hand: which logged model is meant, and with what."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from modelyard.errors import Invalid, NotFound
from modelyard.naming import validate_model_name
from modelyard.paging import MAX_LIMIT
from modelyard.plain import plain_json
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import NOT_TRACKED, no_model, no_run
from modelyard.principals import Principal
from modelyard.registry.domain import Given, Model, Version, refuse_platform_tags
from modelyard.registry.selection import MetricRules, parse_best_of, select_model
from modelyard.registry.service import RegistryService

_REFUSAL_SECONDS = 0.5
"""An answer that there is no such run comes at a multiple of this: what is another tenant's takes longer to look up."""
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_MODEL_ID = re.compile(r"(?:m|model)-(?P<digits>[0-9a-f]{32})")
_UPLOAD_ID = re.compile(r"up-[0-9a-f]{32}")
_JOB_ID = re.compile(r"job-[0-9a-f]{32}")
_ADDRESS = re.compile(r"models:/m-[0-9a-f]{32}|runs:/[0-9a-f]{32}/[^/\s].{0,200}")

JobOfUpload = Callable[[Principal, str], str | None]
"""The job that registers an upload of the caller's tenant, if there is one yet; raises NotFound."""


class Registration:
    """Checks what was asked for and registers it."""

    def __init__(
        self, *, registry: RegistryService, clock: Clock, metric_rules: MetricRules, job_of_upload: JobOfUpload
    ) -> None:
        self._registry = registry
        self._metric_rules = metric_rules
        self._clock = clock
        self._job_of_upload = job_of_upload

    def model(self, principal: Principal, *, name: str, description: str, tags: Mapping[str, str]) -> Model:
        """Make a model without versions.

        Raises:
            Invalid: the name.
            Conflict: code `model_exists`.
        """
        validate_model_name(name, field="name")
        refuse_platform_tags(tags)
        return self._registry.create(principal, name, description=description, tags=plain_json(tags))

    def by_hand(
        self,
        principal: Principal,
        *,
        name: str,
        run_id: str | None,
        model_uri: str | None,
        given: Given,
        logged_model: str | None = None,
        best_of: str | None = None,
    ) -> Version:
        """Register the model of a run, or at an address, as the next version of `name`.

        `logged_model` names one of several; `best_of` takes the best of the run's and of its child runs'.

        Raises:
            Invalid: the name, a tag of the platform's own, not exactly one of run and address, or a run that logged
                none or several models.
            NotFound: the run or the model is not in the tracker, or is another tenant's, which nobody can tell apart.
        """
        validate_model_name(name, field="name")
        refuse_platform_tags(given.tags)
        if (run_id is None) == (model_uri is None):
            raise Invalid("expected exactly one of run_id and model_uri", code="source_invalid", field="run_id")
        asked = self._clock.now()
        try:
            best = None if best_of is None else parse_best_of(best_of, self._metric_rules(principal, name))
            found = self._registry.find_logged(
                principal, run_id=run_id, model_uri=model_uri, with_children=best is not None
            )
            selection = select_model(found, logged_model=logged_model, best_of=best)
            return self._registry.register(
                principal,
                model_name=name,
                logged=selection.chosen.model,
                description=given.description,
                tags=given.tags,
                metrics=given.metrics,
                parameters=given.parameters,
            )
        except NotFound as exc:
            if exc.code != NOT_TRACKED:
                raise
            self._wait_since(asked)
            raise (no_model(model_uri) if model_uri is not None else no_run(run_id or "")) from exc

    def artifact(
        self,
        principal: Principal,
        *,
        name: str,
        artifact_id: str,
        given: Given,
    ) -> Version:
        """Register a trained artifact, named by any id of ours or of the tracker's that means one.

        That is a run's id, a logged model's id (`m-…` or `model-…`), a model's address, or the id of an upload or a job
        that has registered a version.

        Raises:
            Invalid, NotFound: as `by_hand`; code `artifact_id_invalid` when it is none of them, `artifact_not_found`
                when nothing came of the upload or the job.
        """
        run_id, model_uri = self._source(principal, artifact_id)
        return self.by_hand(principal, name=name, run_id=run_id, model_uri=model_uri, given=given)

    def artifact_once(self, principal: Principal, *, name: str, artifact_id: str, given: Given) -> Version:
        """The newest version of the model that was made of this artifact; registered now if there is none.

        Raises:
            As `artifact`.
        """
        validate_model_name(name, field="name")
        run_id, model_uri = self._source(principal, artifact_id)
        for version in self._versions(principal, name):
            if version.model_uri == model_uri or (run_id is not None and version.run_id == run_id):
                return version
        return self.by_hand(principal, name=name, run_id=run_id, model_uri=model_uri, given=given)

    def _versions(self, principal: Principal, name: str) -> Iterator[Version]:
        """All versions of a model, newest first; none where there is no model."""
        cursor = None
        with suppress(NotFound):
            while True:
                page = self._registry.page_of_versions(principal, name, limit=MAX_LIMIT, cursor=cursor)
                yield from page.items
                if (cursor := page.next_cursor) is None:
                    return

    def _source(self, principal: Principal, artifact_id: str) -> tuple[str | None, str | None]:
        """The run or the address that an id means."""
        if _RUN_ID.fullmatch(artifact_id):
            return artifact_id, None
        if _ADDRESS.fullmatch(artifact_id):
            return None, artifact_id
        if (model := _MODEL_ID.fullmatch(artifact_id)) is not None:
            return None, f"models:/m-{model['digits']}"
        if _UPLOAD_ID.fullmatch(artifact_id):
            return None, self._made_by(principal, self._job_of_upload(principal, artifact_id), artifact_id)
        if _JOB_ID.fullmatch(artifact_id):
            return None, self._made_by(principal, artifact_id, artifact_id)
        raise Invalid(
            "artifact_id: expected the id of a run (32 hexadecimal digits), a logged model (m-… or model-…), an upload "
            f"(up-…) or a job (job-…), or an address like runs:/<run>/<name>, got {artifact_id[:80]!r}",
            code="artifact_id_invalid",
            field="artifact_id",
        )

    def _made_by(self, principal: Principal, job_id: str | None, artifact_id: str) -> str:
        """The address of the model that a job has registered."""
        versions = [] if job_id is None else self._registry.versions_from(principal, job_id=job_id, limit=1)
        if not versions:
            raise NotFound(
                f"artifact_id: '{artifact_id}' has registered no version",
                code="artifact_not_found",
                field="artifact_id",
            )
        return versions[0].model_uri

    def _wait_since(self, asked: datetime) -> None:
        """Until a moment that does not depend on what was looked up: what is not there is reported no sooner."""
        passed = (self._clock.now() - asked).total_seconds()
        self._clock.sleep(_REFUSAL_SECONDS - passed % _REFUSAL_SECONDS)
