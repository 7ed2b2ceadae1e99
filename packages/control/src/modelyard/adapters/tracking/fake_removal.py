"""The fake tracker's other half: what is put aside in it, brought back, and gone for good."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modelyard.errors import NotFound
from modelyard.ports.tracking import LoggedModel, TrackedRun

_ASIDE = " (deleted)"


@dataclass(slots=True)
class Logged:
    """A model that a script logged, with its files."""

    model: LoggedModel
    files: dict[str, bytes]
    tags: dict[str, str]


class FakeRemoval(ABC):
    """Keeps the contract of `TrackerRemoval` over the same memory as `FakeTracking`."""

    _runs: dict[str, TrackedRun]
    _experiments: dict[str, str]
    _models: list[Logged]

    def __init__(self) -> None:
        self.deleted_runs: set[str] = set()
        """Runs that are put aside."""
        self.deleted_experiments: set[str] = set()
        """Ids of experiments that are put aside."""

    def experiment_of(self, run_id: str) -> str | None:
        """The run's experiment."""
        self.answer()
        return self._runs[run_id].experiment_id if run_id in self._runs else None

    def alive_in_experiment(self, experiment_id: str, *, besides: Collection[str] = ()) -> str | None:
        """The first run that is not put aside."""
        self.answer()
        for run in self._of_experiment(experiment_id):
            if run.run_id not in {*self.deleted_runs, *besides}:
                return f"run '{run.run_id}' is in it"
        return None

    def delete_run(self, run_id: str) -> None:
        """Put it aside."""
        self.answer()
        if run_id in self._runs:
            self.deleted_runs.add(run_id)

    def restore_run(self, run_id: str) -> Sequence[str]:
        """Bring it back, with all of its experiment if that was put aside."""
        self.answer()
        if run_id not in self._runs:
            raise NotFound(f"The tracker has no run '{run_id}'.", code="not_tracked")
        experiment_id = self._runs[run_id].experiment_id
        others: list[str] = []
        if experiment_id in self.deleted_experiments:
            self.deleted_experiments.discard(experiment_id)
            others = [run.run_id for run in self._of_experiment(experiment_id) if run.run_id != run_id]
            self._rename(experiment_id, self._name(experiment_id).removesuffix(_ASIDE))
        self.deleted_runs -= {run_id, *others}
        return others

    def delete_experiment(self, experiment_id: str) -> None:
        """Put it and its runs aside."""
        self.answer()
        if experiment_id in self._experiments.values() and experiment_id not in self.deleted_experiments:
            self._rename(experiment_id, self._name(experiment_id) + _ASIDE)
            self.deleted_experiments.add(experiment_id)
            self.deleted_runs |= {run.run_id for run in self._of_experiment(experiment_id)}

    def purge_model(self, uri: str) -> None:
        """Forget the model and its files."""
        self.answer()
        self._models = [logged for logged in self._models if logged.model.uri != uri]

    def purge_run(self, run_id: str) -> bool:
        """Forget the run."""
        self.answer()
        if run_id in self.deleted_runs:
            self.deleted_runs.discard(run_id)
            del self._runs[run_id]
        return True

    def purge_experiment(self, experiment_id: str) -> bool:
        """Forget the experiment, if no run is left."""
        self.answer()
        if experiment_id in self.deleted_experiments and not self._of_experiment(experiment_id):
            self.deleted_experiments.discard(experiment_id)
            del self._experiments[self._name(experiment_id)]
        return True

    def _of_experiment(self, experiment_id: str) -> list[TrackedRun]:
        return [run for run in self._runs.values() if run.experiment_id == experiment_id]

    def _name(self, experiment_id: str) -> str:
        return next(name for name, each in self._experiments.items() if each == experiment_id)

    def _rename(self, experiment_id: str, name: str) -> None:
        if name not in self._experiments:
            del self._experiments[self._name(experiment_id)]
            self._experiments[name] = experiment_id

    @abstractmethod
    def answer(self) -> None:
        """Raise Unavailable when it was switched off."""
