"""What the MLflow adapter takes out of MLflow. Its REST interface can only put runs and experiments aside.

For good, files go through MLflow's artifact store, and records through its backend store where we know its address.
`mlflow gc` is not asked: besides the runs that it is given, it removes every deleted experiment and model of everybody.
"""

import importlib
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from modelyard.adapters.tracking.mlflow_server import MlflowServer, pages
from modelyard.errors import NotFound

_DEFAULT_EXPERIMENT = "0"
_LONGEST_NAME = 450


class MlflowRemoval:
    """The port `TrackerRemoval` on an MLflow tracking server.

    Args:
        backend_uri: the address of MLflow's own database, if we may remove records from it.
    """

    def __init__(self, server: MlflowServer, *, backend_uri: str | None) -> None:
        self._server = server
        self._backend_uri = backend_uri
        self._opening = threading.Lock()
        self._store: Any = None

    def experiment_of(self, run_id: str) -> str | None:
        """Read the run, which MLflow also gives when it is deleted."""
        with suppress(NotFound), self._server.call(f"run '{run_id}'") as client:
            return str(client.get_run(run_id).info.experiment_id)
        return None

    def alive_in_experiment(self, experiment_id: str, *, besides: Collection[str] = ()) -> str | None:
        """Look for active runs and for models outside of runs that are removed."""
        if experiment_id == _DEFAULT_EXPERIMENT:
            return "MLflow needs its first experiment"
        with self._server.drop(f"experiment '{experiment_id}'") as client:
            if client.get_experiment(experiment_id).lifecycle_stage != "active":
                return None
            removed = set(besides)
            active = set()
            for run in self._runs(client, experiment_id, "ACTIVE_ONLY"):
                if run.info.run_id not in removed:
                    return f"run '{run.info.run_id}' is in it"
                active.add(run.info.run_id)
            removed |= {run.info.run_id for run in self._runs(client, experiment_id, "DELETED_ONLY")}
            for model in self._models(client, experiment_id):
                if model.source_run_id not in removed:
                    return f"model '{model.model_id}' is in it"
        return None

    def delete_run(self, run_id: str) -> None:
        """MLflow's own deletion, once: a second one would count the time anew."""
        with self._server.drop(f"run '{run_id}'") as client:
            if client.get_run(run_id).info.lifecycle_stage == "active":
                client.delete_run(run_id)

    def restore_run(self, run_id: str) -> Sequence[str]:
        """Restore the experiment, which brings all of its runs, or the run alone."""
        with self._server.call(f"run '{run_id}'") as client:
            run = client.get_run(run_id)
            experiment = client.get_experiment(run.info.experiment_id)
            others: list[str] = []
            if experiment.lifecycle_stage != "active":
                client.restore_experiment(experiment.experiment_id)
                back = self._runs(client, experiment.experiment_id, "ACTIVE_ONLY")
                others = [one.info.run_id for one in back if one.info.run_id != run_id]
            elif run.info.lifecycle_stage != "active":
                client.restore_run(run_id)
            self._name_back(client, experiment)
        return others

    def delete_experiment(self, experiment_id: str) -> None:
        """Name it aside first, since MLflow keeps the names of deleted experiments from being used."""
        with self._server.drop(f"experiment '{experiment_id}'") as client:
            experiment = client.get_experiment(experiment_id)
            if experiment.lifecycle_stage != "active":
                return
            aside = _aside(experiment_id)
            if not experiment.name.endswith(aside) and len(experiment.name) <= _LONGEST_NAME:
                client.rename_experiment(experiment_id, experiment.name + aside)
            client.delete_experiment(experiment_id)

    def purge_model(self, uri: str) -> None:
        """Delete the files, then the model."""
        scheme, _, address = uri.partition(":/")
        with self._server.drop(f"model '{uri}'") as client:
            if scheme == "runs":
                run_id, _, path = address.partition("/")
                self._server.library.delete_files(client.get_run(run_id).info.artifact_uri, path)
                return
            model = client.get_logged_model(address)
            self._server.library.delete_files(model.artifact_location)
            client.delete_logged_model(address)
            if (store := self._backend()) is not None:
                store._hard_delete_logged_model(address)  # noqa: SLF001  # The way that `mlflow gc` goes.

    def purge_run(self, run_id: str) -> bool:
        """Delete the files of the run and of its models, then its record in the backend store."""
        with self._server.drop(f"run '{run_id}'") as client:
            run = client.get_run(run_id)
            if run.info.lifecycle_stage == "active":
                return True
            for model in self._models(client, run.info.experiment_id):
                if model.source_run_id == run_id:
                    self.purge_model(f"models:/{model.model_id}")
            with self._server.drop(f"files of run '{run_id}'"):
                self._server.library.delete_files(run.info.artifact_uri)
            if (store := self._backend()) is None:
                return False
            store._hard_delete_run(run_id)  # noqa: SLF001  # The way that `mlflow gc` goes.
        return True

    def purge_experiment(self, experiment_id: str) -> bool:
        """Delete its record in the backend store, once it is empty."""
        with self._server.drop(f"experiment '{experiment_id}'") as client:
            if client.get_experiment(experiment_id).lifecycle_stage == "active":
                return True
            if (store := self._backend()) is None or any(self._runs(client, experiment_id, "ALL")):
                return False
            if any(True for _ in self._models(client, experiment_id)):
                return False
            store._hard_delete_experiment(experiment_id)  # noqa: SLF001  # The way that `mlflow gc` goes.
        return True

    def _name_back(self, client: Any, experiment: Any) -> None:
        """Give the experiment its own name, unless another one has taken it."""
        name = experiment.name.removesuffix(_aside(experiment.experiment_id))
        if name != experiment.name and client.get_experiment_by_name(name) is None:
            client.rename_experiment(experiment.experiment_id, name)

    def _backend(self) -> Any:
        """MLflow's own store on its database; None where we have no address of it."""
        if self._backend_uri is None:
            return None
        with self._opening:
            if self._store is None:
                store = importlib.import_module("mlflow.store.tracking.sqlalchemy_store").SqlAlchemyStore
                self._store = store(self._backend_uri, "mlflow-artifacts:/")
        return self._store

    @staticmethod
    def _runs(client: Any, experiment_id: str, which: str) -> Iterator[Any]:
        view = getattr(importlib.import_module("mlflow.entities").ViewType, which)
        return pages(client.search_runs, [experiment_id], run_view_type=view)

    @staticmethod
    def _models(client: Any, experiment_id: str) -> Iterator[Any]:
        return pages(client.search_logged_models, [experiment_id])


def _aside(experiment_id: str) -> str:
    return f" (deleted {experiment_id})"
