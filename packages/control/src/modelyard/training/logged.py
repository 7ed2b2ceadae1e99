"""What a job's script logged: read from the tracker when the script has ended, bound to the job, and chosen from."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.jobs.domain import Job
from modelyard.ports.environments import LogLine
from modelyard.ports.tracking import LoggedModel, TrackedRun, Tracking
from modelyard.registry.job_runs import JobRun, JobRuns, run_of_another_job, source_of
from modelyard.registry.provenance import Provenance
from modelyard.registry.selection import Candidate
from modelyard.tracker_names import JOB_TAG
from modelyard.training.foreign_runs import ForeignRuns

RUN_KEY_TAG = "modelyard.run_key"


@dataclass(frozen=True, slots=True)
class LoggedByJobs:
    """What the scripts of all jobs logged."""

    tracking: Tracking
    job_runs: JobRuns
    foreign_runs: ForeignRuns

    def bind(self, job: Job, run_key: str, *, provenance: Provenance, lock_digest: str) -> None:
        """Keep what one run of the job's script logged. From now on nothing is added to it.

        Raises:
            Conflict: code `run_of_another_job`, when the script went on with a run that is not its own.
        """
        runs = {run.run_id: run for run in self.tracking.runs_tagged(RUN_KEY_TAG, run_key)}
        tagged = self.tracking.models_tagged(RUN_KEY_TAG, run_key)
        for run_id in {model.run_id for model in tagged if model.run_id is not None} - runs.keys():
            runs[run_id] = self._resumed(job, run_id)
        models = {model.uri: model for run in runs.values() for model in self._untagged(run)}
        models |= {model.uri: model for model in tagged}
        without_run = {model.uri for model in models.values() if model.run_id is None}
        self.job_runs.bind(
            [
                JobRun(
                    source=source,
                    tenant_id=job.tenant_id,
                    job_id=job.job_id,
                    metrics=runs[source].metrics if source in runs else {},
                    parameters=runs[source].parameters if source in runs else {},
                    models=[model for model in models.values() if source_of(model) == source],
                    lock_digest=lock_digest,
                    provenance=provenance,
                )
                for source in (*runs, *sorted(without_run))
            ]
        )

    def bind_copies(
        self, job: Job, run_key: str, foreign: Tracking, *, provenance: Provenance, lock_digest: str, log: LogLine
    ) -> None:
        """Copy what one run of the job logged at another tracking server to ours, and keep it as the job's."""
        tag = (RUN_KEY_TAG, run_key)
        copies = self.foreign_runs.copied(
            job, foreign, tag=tag, provenance=provenance, lock_digest=lock_digest, log=log
        )
        self.job_runs.bind(list(copies))

    def candidates(self, job_id: str) -> list[Candidate]:
        """The models that a job's script had logged, those of one run oldest first."""
        return [
            Candidate(model, {**run.metrics, **model.metrics})
            for run in self.job_runs.of_job(job_id)
            for model in run.models
        ]

    def _resumed(self, job: Job, run_id: str) -> TrackedRun:
        """A run into which the script logged, and which it did not begin."""
        run = self.tracking.run(run_id)
        if (owner := run.tags.get(JOB_TAG, job.job_id)) != job.job_id:
            raise run_of_another_job(run_id, owner)
        return run

    def _untagged(self, run: TrackedRun) -> Sequence[LoggedModel]:
        """Models of the run without the tags of their script: a client before MLflow 3 logged them."""
        return [model for model in self.tracking.logged_models(run.run_id) if model.tags.get(JOB_TAG) is None]
