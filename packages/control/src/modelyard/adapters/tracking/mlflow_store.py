"""What MLflow's own store knows of runs and models, asked in the process of its server."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from modelyard.tracking_access.domain import TrackedThing

_MOST = 10_000

T = TypeVar("T")


class MlflowStoreFacts:
    """The tracking server's facts. Of runs and models they never change, so they are remembered.

    Args:
        store: gives MLflow's tracking store.
        missing: what it raises for what is not there.
        job_tag: the tag that names the job.
    """

    def __init__(self, store: Callable[[], Any], *, missing: type[Exception], job_tag: str) -> None:
        self._store = store
        self._missing = missing
        self._job_tag = job_tag
        self._run = lru_cache(maxsize=_MOST)(self._ask_run)
        self._model = lru_cache(maxsize=_MOST)(self._ask_model)
        self._experiment = lru_cache(maxsize=_MOST)(self._ask_experiment)

    def experiment_name(self, experiment_id: str) -> str | None:
        """Its name as it was first seen: a new name is of the same tenant."""
        return self._known(self._experiment, experiment_id)

    def run(self, run_id: str) -> TrackedThing | None:
        """By the run's tags."""
        return self._known(self._run, run_id)

    def model(self, model_id: str) -> TrackedThing | None:
        """By the model's tags."""
        return self._known(self._model, model_id)

    def _known(self, ask: Callable[[str], T], key: str) -> T | None:
        try:
            return ask(key)
        except self._missing:
            return None

    def _ask_experiment(self, experiment_id: str) -> str:
        return str(self._store().get_experiment(experiment_id).name)

    def _ask_run(self, run_id: str) -> TrackedThing:
        run = self._store().get_run(run_id)
        return TrackedThing(str(run.info.experiment_id), run.data.tags.get(self._job_tag))

    def _ask_model(self, model_id: str) -> TrackedThing:
        model = self._store().get_logged_model(model_id, allow_deleted=True)
        return TrackedThing(str(model.experiment_id), (model.tags or {}).get(self._job_tag))
