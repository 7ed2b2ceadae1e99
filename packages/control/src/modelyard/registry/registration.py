"""Registering by hand: which logged model is meant, and with what."""

from collections.abc import Mapping

from modelyard.access.domain import Principal
from modelyard.errors import Invalid
from modelyard.naming import validate_model_name
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.training.domain import choose_logged_model


class Registration:
    """Checks what was asked for and registers it."""

    def __init__(self, *, registry: RegistryService) -> None:
        self._registry = registry

    def by_hand(
        self,
        principal: Principal,
        *,
        name: str,
        run_id: str | None,
        model_uri: str | None,
        description: str,
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
    ) -> Version:
        """Register the model of a run, or at an address, as the next version of `name`.

        Raises:
            Invalid: the name, or not exactly one of run and address, or a run that logged none or several models.
            NotFound: the run or the model is not in the tracker.
        """
        validate_model_name(name, field="name")
        if (run_id is None) == (model_uri is None):
            raise Invalid("expected exactly one of run_id and model_uri", code="source_invalid", field="run_id")
        found = self._registry.find_logged(run_id=run_id, model_uri=model_uri)
        logged = choose_logged_model(found, None)
        return self._registry.register(
            principal, model_name=name, logged=logged, description=description, tags=tags, metrics=metrics
        )
