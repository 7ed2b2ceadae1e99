"""Runs that a job's notebook made at another tracking server: their models are copied to ours, and are like any other.

A copy has a key, so a collection that was interrupted makes none twice. Nothing of a model is loaded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from modelyard.jobs.domain import Job
from modelyard.ports.environments import LogLine
from modelyard.ports.tracking import LoggedModel, TrackedRun, Tracking
from modelyard.registry.job_runs import JobRun
from modelyard.registry.provenance import Provenance

MOST_MODELS = 50
"""Of one run of a job that are copied."""


@dataclass(frozen=True, slots=True)
class ForeignRuns:
    """Copies models from other tracking servers.

    Args:
        tracking: ours.
        scratch: holds folders for a moment.
    """

    tracking: Tracking
    scratch: Path

    def copied(
        self,
        job: Job,
        foreign: Tracking,
        *,
        tag: tuple[str, str],
        provenance: Provenance,
        lock_digest: str,
        log: LogLine,
    ) -> Iterator[JobRun]:
        """What the runs with a tag logged there, as runs of the job whose models are at our tracker."""
        for run, model in self._found(foreign, tag, log):
            stored = self._copy(job, foreign, run, model)
            log(f"copied the model '{model.name}' of the run {model.run_id} from {foreign.uri}")
            yield JobRun(
                source=stored.uri,
                tenant_id=job.tenant_id,
                job_id=job.job_id,
                metrics={**(run.metrics if run else {}), **model.metrics},
                parameters={**(run.parameters if run else {}), **model.parameters},
                models=[replace(stored, metrics={**(run.metrics if run else {}), **model.metrics})],
                lock_digest=lock_digest,
                provenance=provenance,
            )

    def _found(
        self, foreign: Tracking, tag: tuple[str, str], log: LogLine
    ) -> Iterator[tuple[TrackedRun | None, LoggedModel]]:
        runs = {run.run_id: run for run in foreign.runs_tagged(*tag)}
        models = {model.uri: model for run_id in runs for model in foreign.logged_models(run_id)}
        models |= {model.uri: model for model in foreign.models_tagged(*tag)}
        if len(models) > MOST_MODELS:
            log(f"of {len(models)} models the first {MOST_MODELS} are copied")
        for model in list(models.values())[:MOST_MODELS]:
            yield runs.get(model.run_id or ""), model

    def _copy(self, job: Job, foreign: Tracking, run: TrackedRun | None, model: LoggedModel) -> LoggedModel:
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.scratch, prefix="foreign-") as name:
            folder = Path(name) / "model"
            folder.mkdir()
            foreign.download(model.uri, folder)
            return self.tracking.store_model(
                folder,
                key=f"{job.job_id}/{model.uri}",
                name=model.name,
                experiment_name=job.experiment_name or job.model_name,
                parameters={**(run.parameters if run else {}), **model.parameters},
            )
