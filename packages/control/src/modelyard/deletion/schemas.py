"""Plans, tombstones and accepted deletions on the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from modelyard.deletion.domain import DeleteMode, Plan, Tally, Tombstone, parse_mode
from modelyard.errors import Invalid
from modelyard.http.bodies import RequestBody
from modelyard.jobs.domain import Job
from modelyard.registry.schemas import Answer


class DeletionQuery(BaseModel):
    """How to delete, and whether to do it at all."""

    model_config = ConfigDict(extra="forbid")

    delete_mode: str | None = Field(
        default=None,
        max_length=40,
        description="0 or Nothing (the default), 1 or DeleteRunIfNoMore, 2 or DeleteRunAndExperimentIfNoMore",
    )
    other_delete_mode: str | None = Field(default=None, alias="DeleteMode", max_length=40, description="the same")
    dry_run: bool = Field(default=False, description="answer the plan with 200, and change nothing")
    undeploy: bool = Field(default=True, description="if not, something that is deployed stops the deletion")
    reason: str = Field(default="", max_length=2000, description="for the audit log")

    @property
    def mode(self) -> DeleteMode:
        """What shall become of runs and experiments.

        Raises:
            Invalid: code `delete_mode_invalid`.
        """
        given = [mode for mode in (self.delete_mode, self.other_delete_mode) if mode is not None]
        if len(given) > 1:
            raise Invalid(
                "DeleteMode: expected it once, as DeleteMode or as delete_mode, got both",
                code="delete_mode_invalid",
                field="DeleteMode",
            )
        return parse_mode(given[0]) if given else DeleteMode.NOTHING


class RestoreBody(RequestBody):
    """Why a version comes back."""

    reason: str = Field(default="", max_length=2000)


class PieceAnswer(Answer):
    """One thing that goes."""

    kind: str
    name: str
    version: int | None
    detail: str
    size_bytes: int | None


class KeptAnswer(Answer):
    """One thing that stays, and why."""

    kind: str
    name: str
    reason: str


class BlockerAnswer(Answer):
    """What stops the deletion."""

    code: str
    version: int | None
    message: str


class TallyAnswer(Answer):
    """How much of one kind goes; what `removes` does not name is counted too."""

    kind: str
    count: int
    size_bytes: int

    @classmethod
    def of(cls, tally: Tally) -> "TallyAnswer":
        """The tally on the wire."""
        return cls(kind=tally.kind, count=tally.count, size_bytes=tally.size)


class PlanAnswer(Answer):
    """All that a deletion would do. Nothing was changed. Of each kind the first hundred are named, and all counted."""

    name: str
    version: int | None
    revision: int = Field(description="of what would go; as `If-Match` of the deletion it says that this plan was seen")
    delete_mode: int
    delete_mode_name: str
    is_blocked: bool
    removes: list[PieceAnswer] = Field(description="in the order in which it goes")
    counts: list[TallyAnswer]
    keeps: list[KeptAnswer]
    keeps_count: int
    blockers: list[BlockerAnswer]
    blockers_count: int
    size_bytes: int = Field(description="of all that goes, as far as it is known")
    purge_after: datetime = Field(description="until then it can be restored, were it deleted now")

    @classmethod
    def of(cls, plan: Plan) -> "PlanAnswer":
        """The plan on the wire."""
        return cls(
            name=plan.subject.model_name,
            version=plan.subject.version,
            revision=plan.revision,
            delete_mode=plan.mode,
            delete_mode_name=plan.mode.title,
            is_blocked=bool(plan.blockers),
            removes=[
                PieceAnswer(
                    kind=piece.kind,
                    name=piece.name,
                    version=piece.version,
                    detail=piece.detail,
                    size_bytes=piece.size,
                )
                for piece in plan.removes
            ],
            counts=[TallyAnswer.of(tally) for tally in plan.tallies],
            keeps_count=plan.keeps_count,
            blockers_count=plan.blockers.count,
            keeps=[KeptAnswer(kind=one.kind, name=one.name, reason=one.reason) for one in plan.keeps],
            blockers=[
                BlockerAnswer(code=one.code, version=one.version, message=one.message) for one in plan.blockers.first
            ],
            size_bytes=sum(tally.size for tally in plan.tallies),
            purge_after=plan.purge_after,
        )


class AcceptedDeletion(Answer):
    """A deletion's job was made, or is under way."""

    job_id: str
    model_name: str
    version: int | None
    delete_mode: int
    status: str
    message: str

    @classmethod
    def of(cls, job: Job) -> "AcceptedDeletion":
        """The job on the wire."""
        return cls(
            job_id=job.job_id,
            model_name=job.model_name,
            version=job.request["version"],
            delete_mode=job.request["mode"],
            status=job.status,
            message=f"the deletion was accepted; follow GET /mlops/jobs/{job.job_id}",
        )


class TombstoneAnswer(Answer):
    """What is left of a version that was deleted."""

    name: str
    version: int
    state: str
    delete_mode: int
    deleted_at: datetime
    deleted_by: str
    purge_after: datetime
    job_id: str
    run_id: str | None
    is_run_removed: bool

    @classmethod
    def of(cls, tombstone: Tombstone) -> "TombstoneAnswer":
        """The tombstone on the wire."""
        return cls(
            name=tombstone.model_name,
            version=tombstone.version,
            state=tombstone.state,
            delete_mode=tombstone.mode,
            deleted_at=tombstone.deleted_at,
            deleted_by=tombstone.deleted_by,
            purge_after=tombstone.purge_after,
            job_id=tombstone.job_id,
            run_id=tombstone.run_id,
            is_run_removed=tombstone.removed_run_id is not None,
        )


class TombstonesAnswer(Answer):
    """A page of the deleted versions of a model, the oldest version first."""

    tombstones: list[TombstoneAnswer]
    next_cursor: str | None
