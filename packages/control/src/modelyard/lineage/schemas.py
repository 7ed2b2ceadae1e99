"""Lineage on the wire."""

from datetime import datetime

from pydantic import Field

from modelyard.lineage.service import Lineage
from modelyard.registry.domain import Version
from modelyard.registry.schemas import Answer, DatasetAnswer


class VersionReference(Answer):
    """A version, by its name."""

    name: str
    version: int
    stage: str
    created_at: datetime

    @classmethod
    def of(cls, version: Version) -> "VersionReference":
        """The version on the wire."""
        return cls(name=version.model_name, version=version.version, stage=version.stage, created_at=version.created_at)


class VersionReferencesAnswer(Answer):
    """The versions that came of something, newest first."""

    versions: list[VersionReference]


class LineageJob(Answer):
    """The job that made the version."""

    job_id: str
    kind: str
    created_by: str
    created_at: datetime


class LineageScript(Answer):
    """The script that was run. `name` is set while its job exists."""

    name: str | None
    sha256: str


class LineageRun(Answer):
    """The run that logged the model. `is_known` is false while the tracker does not tell of it."""

    run_id: str
    experiment_name: str | None
    is_known: bool
    data: list[DatasetAnswer]


class LineageImage(Answer):
    """What the version was built to."""

    reference: str
    runtime: str
    created_at: datetime


class LineageDeployment(Answer):
    """Where the version serves, or served."""

    deployment_id: str
    namespace: str
    target: str
    status: str
    url: str | None
    created_at: datetime


class LineageAnswer(Answer):
    """A version's way: from what it came, and to where it went."""

    version: VersionReference
    parent_version: int | None = Field(description="the version of the same model whose recipe was run again")
    retrained_as: list[VersionReference] = Field(description="the versions that its recipe gave since, newest first")
    registered_by: str
    job: LineageJob | None
    script: LineageScript | None
    run: LineageRun | None
    environment_lock_sha256: str | None
    image: LineageImage | None
    deployments: list[LineageDeployment]

    @classmethod
    def of(cls, lineage: Lineage) -> "LineageAnswer":
        """The lineage on the wire."""
        version, job, bundle = lineage.version, lineage.job, lineage.bundle
        return cls(
            version=VersionReference.of(version),
            parent_version=version.provenance.parent_version,
            retrained_as=[VersionReference.of(each) for each in lineage.retrained_as],
            registered_by=version.created_by,
            job=None
            if job is None
            else LineageJob(
                job_id=job.job_id, kind=job.kind.name, created_by=job.created_by, created_at=job.created_at
            ),
            script=None
            if lineage.script_sha256 is None
            else LineageScript(
                name=version.provenance.script_name or (None if job is None else job.request.get("script_name")),
                sha256=lineage.script_sha256,
            ),
            run=_run(lineage),
            environment_lock_sha256=version.lock_digest,
            image=None
            if bundle is None
            else LineageImage(reference=bundle.reference, runtime=bundle.runtime, created_at=bundle.created_at),
            deployments=[
                LineageDeployment(
                    deployment_id=each.deployment_id,
                    namespace=each.namespace,
                    target=each.target,
                    status=each.status,
                    url=each.url,
                    created_at=each.created_at,
                )
                for each in lineage.deployments
            ],
        )


def _run(lineage: Lineage) -> LineageRun | None:
    version, run = lineage.version, lineage.run
    if version.run_id is None:
        return None
    return LineageRun(
        run_id=version.run_id,
        experiment_name=version.experiment_name,
        is_known=run is not None,
        data=[DatasetAnswer.of(each) for each in lineage.datasets],
    )
