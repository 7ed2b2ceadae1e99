"""The experiment tracker (MLflow): runs, logged models and their files. Its registry is a port of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from modelyard.errors import NotFound
from modelyard.ports.tracker_removal import TrackerRemoval


@dataclass(frozen=True, slots=True)
class TrackedDataset:
    """A dataset that a run logged as its input. `source` is MLflow's text, often JSON."""

    name: str
    digest: str
    source_type: str
    source: str
    context: str | None
    """What it was for: `training`, `validation`; None when nobody said."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run with what it logged. `metrics` are the last values; `tags` leave out those that MLflow keeps for itself."""

    run_id: str
    experiment_id: str
    experiment_name: str
    status: str
    """MLflow's word: RUNNING, FINISHED, FAILED, KILLED."""
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    datasets: Sequence[TrackedDataset] = ()


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model that a script logged. `uri` is what MLflow loads it by, and what `download` takes."""

    model_id: str
    name: str
    run_id: str | None
    """None when it was logged outside of a run."""
    uri: str
    artifact_uri: str
    experiment_name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Those that were logged for the model itself; its run may have more."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    """Its own, without those that MLflow keeps for itself."""


NOT_TRACKED = "not_tracked"
PARENT_TAG = "mlflow.parentRunId"
"""A child run carries it, with the id of the run that it belongs to."""


def no_run(run_id: str) -> NotFound:
    """What says that the tracker has no such run."""
    return NotFound(f"The tracker has no run '{run_id}'.", code=NOT_TRACKED)


def no_model(uri: str) -> NotFound:
    """What says that the tracker has no model at this address."""
    return NotFound(f"The tracker has no model '{uri}'.", code=NOT_TRACKED)


class Tracking(TrackerRemoval, Protocol):
    """The tracker's verbs that we use, with those that remove. All are idempotent and may block for seconds.

    Every call raises Unavailable (code `tracking_unavailable`) when the tracker does not answer, and NotFound for
    a run or model that is not there.
    """

    @property
    def uri(self) -> str:
        """The address that scripts get as `MLFLOW_TRACKING_URI`."""

    def is_reachable(self) -> bool:
        """Whether the tracker answers now. Returns within two seconds and never raises."""

    def ensure_experiment(self, name: str) -> str:
        """The id of the experiment of this name; made if it is not there."""

    def runs_tagged(self, key: str, value: str) -> Sequence[TrackedRun]:
        """All runs with this tag, in any experiment, oldest first."""

    def run(self, run_id: str) -> TrackedRun:
        """One run."""

    def logged_models(self, run_id: str) -> Sequence[LoggedModel]:
        """The models that this run logged, oldest first."""

    def models_tagged(self, key: str, value: str) -> Sequence[LoggedModel]:
        """All models that carry this tag themselves, in any experiment, in a run or not, oldest first.

        MLflow's client gives a model the tags of the script's context since MLflow 3.
        """

    def logged_model(self, uri: str) -> LoggedModel:
        """The model behind `models:/m-…` or `runs:/<run>/<name>`."""

    def download(self, uri: str, folder: Path) -> None:
        """Write the model's files below `folder`, which exists and is empty. Nothing is loaded or unpickled."""

    def download_file(self, uri: str, path: str, folder: Path) -> Path:
        """Write one file of the model below `folder`, which exists and is empty; gives where it is.

        `path` is one that a manifest of the model names, with `/`.
        """

    def run_file(self, run_id: str, names: Sequence[str], folder: Path, *, most_bytes: int) -> Path | None:
        """Write the first of these files that the run has among its own artifacts below `folder`, which exists and is
        empty; gives where it is. None where the run has none of them.

        Raises:
            Invalid: code `artifact_too_large`.
        """

    def add_files(self, uri: str, folder: Path) -> None:
        """Copy the files of `folder` into a model of no version, in place of those of the same paths."""

    def add_run_files(self, run_id: str, folder: Path) -> None:
        """Copy the files of `folder` among those of a run, in place of those of the same paths."""

    def store_model(
        self, folder: Path, *, key: str, name: str, experiment_name: str, parameters: Mapping[str, str]
    ) -> LoggedModel:
        """Log the files of `folder` as a model outside of any run; the same `key` gives the same model again."""
