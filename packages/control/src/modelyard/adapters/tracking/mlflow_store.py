"""What MLflow's own store knows of runs and models, asked in the process of its server."""

from collections.abc import Callable
from typing import Any, TypeVar

from modelyard.tracking_access.domain import TrackedThing
from modelyard.tracking_access.facts import NotRemembered

_MOST = 10_000

T = TypeVar("T")


class MlflowStoreFacts:
    """The tracking server's facts. Of runs and models they never change, so they are remembered.

    Args:
        store: gives MLflow's tracking store; None for one that is never asked.
        missing: what it raises for what is not there.
        job_tag: the tag that names the job.
    """

    def __init__(self, store: Callable[[], Any] | None, *, missing: type[Exception], job_tag: str) -> None:
        self._store = store
        self._missing = missing
        self._job_tag = job_tag
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, TrackedThing] = {}
        self._models: dict[str, TrackedThing] = {}

    @property
    def remembered(self) -> "MlflowStoreFacts":
        """What this one knows by now."""
        memory = MlflowStoreFacts(None, missing=self._missing, job_tag=self._job_tag)
        memory._experiments, memory._runs, memory._models = self._experiments, self._runs, self._models
        return memory

    def experiment_name(self, experiment_id: str) -> str | None:
        """Its name as it was first seen: a new name is of the same tenant."""
        return self._known(
            self._experiments, experiment_id, lambda store: str(store.get_experiment(experiment_id).name)
        )

    def run(self, run_id: str) -> TrackedThing | None:
        """By the run's tags."""

        def ask(store: Any) -> TrackedThing:
            run = store.get_run(run_id)
            return TrackedThing(str(run.info.experiment_id), run.data.tags.get(self._job_tag))

        return self._known(self._runs, run_id, ask)

    def model(self, model_id: str) -> TrackedThing | None:
        """By the model's tags."""

        def ask(store: Any) -> TrackedThing:
            model = store.get_logged_model(model_id, allow_deleted=True)
            return TrackedThing(str(model.experiment_id), (model.tags or {}).get(self._job_tag))

        return self._known(self._models, model_id, ask)

    def _known(self, memory: dict[str, T], key: str, ask: Callable[[Any], T]) -> T | None:
        found = memory.get(key)
        if found is not None:
            return found
        if self._store is None:
            raise NotRemembered
        try:
            found = ask(self._store())
        except self._missing:
            return None
        if len(memory) >= _MOST:
            memory.clear()
        memory[key] = found
        return found
