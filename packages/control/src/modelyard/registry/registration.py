"""Registering by hand: which logged model is meant, and with what."""

import re
from collections.abc import Mapping
from datetime import datetime

from modelyard.access.domain import Principal
from modelyard.errors import Invalid, NotFound
from modelyard.naming import validate_model_name
from modelyard.plain import plain_json
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import NOT_TRACKED, no_model, no_run
from modelyard.registry.domain import Given, Model, Version, refuse_platform_tags
from modelyard.registry.service import RegistryService
from modelyard.training.domain import choose_logged_model

_REFUSAL_SECONDS = 0.5
"""An answer that there is no such run comes at a multiple of this: what is another tenant's takes longer to look up."""
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_ADDRESS = re.compile(r"models:/m-[0-9a-f]{32}|runs:/[0-9a-f]{32}/[^/\s].{0,200}")


class Registration:
    """Checks what was asked for and registers it."""

    def __init__(self, *, registry: RegistryService, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

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
    ) -> Version:
        """Register the model of a run, or at an address, as the next version of `name`.

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
            found = self._registry.find_logged(principal, run_id=run_id, model_uri=model_uri)
            return self._registry.register(
                principal,
                model_name=name,
                logged=choose_logged_model(found, None),
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
        """Register a trained artifact, named by a run's id, a logged model's id, or a model's address.

        Raises:
            Invalid, NotFound: as `by_hand`; code `artifact_id_invalid` when it is none of the three.
        """
        run_id, model_uri = _source(artifact_id)
        return self.by_hand(principal, name=name, run_id=run_id, model_uri=model_uri, given=given)

    def _wait_since(self, asked: datetime) -> None:
        """Until a moment that does not depend on what was looked up: what is not there is told no sooner."""
        passed = (self._clock.now() - asked).total_seconds()
        self._clock.sleep(_REFUSAL_SECONDS - passed % _REFUSAL_SECONDS)


def _source(artifact_id: str) -> tuple[str | None, str | None]:
    if _RUN_ID.fullmatch(artifact_id):
        return artifact_id, None
    if _MODEL_ID.fullmatch(artifact_id):
        return None, f"models:/{artifact_id}"
    if _ADDRESS.fullmatch(artifact_id):
        return None, artifact_id
    raise Invalid(
        "artifact_id: expected a run's id (32 hexadecimal digits), a logged model's id (m-…), or an address like "
        f"runs:/<run>/<name>, got {artifact_id[:80]!r}",
        code="artifact_id_invalid",
        field="artifact_id",
    )
