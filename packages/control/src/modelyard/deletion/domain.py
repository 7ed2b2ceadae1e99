"""What a deletion would remove, keep and be stopped by. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from modelyard.deletion.states import VersionState
from modelyard.errors import Conflict, Invalid
from modelyard.registry.domain import Version

MOST_NAMED = 100
_MAX_REASONS = 20
_SHOWN = 40


class DeleteMode(IntEnum):
    """How much goes from MLflow."""

    NOTHING = 0
    DELETE_RUN_IF_NO_MORE = 1
    DELETE_RUN_AND_EXPERIMENT_IF_NO_MORE = 2

    @property
    def title(self) -> str:
        """The contract's name of it."""
        return _TITLES[self]


_TITLES = {
    DeleteMode.NOTHING: "Nothing",
    DeleteMode.DELETE_RUN_IF_NO_MORE: "DeleteRunIfNoMore",
    DeleteMode.DELETE_RUN_AND_EXPERIMENT_IF_NO_MORE: "DeleteRunAndExperimentIfNoMore",
}
_MODES = {mode.title: mode for mode in DeleteMode} | {str(mode.value): mode for mode in DeleteMode}


class Kind(StrEnum):
    """What can go with a version, in the order in which it goes."""

    DEPLOYMENT = "deployment"
    IMAGE = "image"
    VERSION = "version"
    MODEL = "model"
    REGISTERED_VERSION = "registered_version"
    RUN = "run"
    EXPERIMENT = "experiment"
    ARTIFACTS = "artifacts"


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that goes. `size` is in bytes where it is known."""

    kind: Kind
    name: str
    version: int | None
    detail: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that stays, and why."""

    kind: Kind
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Blocker:
    """What stops the deletion."""

    code: str
    version: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What shall go: one version of a model, or the model with all of them."""

    tenant_id: str
    model_name: str
    version: int | None

    @property
    def path(self) -> str:
        """As the audit log names it."""
        return f"models/{self.model_name}" + ("" if self.version is None else f"/versions/{self.version}")

    @property
    def title(self) -> str:
        """For a sentence."""
        return (
            f"model '{self.model_name}'" if self.version is None else f"version {self.version} of '{self.model_name}'"
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """What versions were made of that nobody else uses: runs by their ids, and experiments by their names."""

    runs: frozenset[str]
    experiments: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tally:
    """How much of one kind goes, whether it is named or not. `size` is in bytes, as far as it is known."""

    kind: Kind
    count: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Blockers:
    """What stops the deletion: the first of each kind of reason, and how many there are."""

    first: Sequence[Blocker]
    count: int

    def __bool__(self) -> bool:
        """Whether something stops it."""
        return self.count > 0

    def __add__(self, other: "Blockers") -> "Blockers":
        """Both."""
        return Blockers([*self.first, *other.first], self.count + other.count)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a deletion would do to its subject at a revision. From `purge_after` on nothing can be restored.

    Of each kind the first `MOST_NAMED` are named, so that a plan is as small for a model with very many versions.
    """

    subject: Subject
    revision: int
    mode: DeleteMode
    removes: Sequence[Piece]
    tallies: Sequence[Tally]
    keeps: Sequence[Kept]
    keeps_count: int
    blockers: Blockers
    purge_after: datetime

    def check(self) -> None:
        """Refuse what something stops.

        Raises:
            Conflict: code `deletion_blocked`; the sentence names every blocker.
        """
        refuse_blocked(self.subject.title, self.blockers)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is kept of a version that was deleted."""

    job_id: str
    tenant_id: str
    model_name: str
    version: int
    mode: DeleteMode
    state: VersionState
    deleted_at: datetime
    deleted_by: str
    purge_after: datetime
    model_uri: str
    run_id: str | None
    removed_run_id: str | None
    """The run that went with it, if it was its last version."""
    claimed_experiment: str | None
    removed_experiment_id: str | None
    takes_files: bool
    """Whether its purge, once begun, takes the files of the logged model."""

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"models/{self.model_name}/versions/{self.version}"

    @property
    def key(self) -> str:
        """The version's key."""
        return f"{self.tenant_id}/{self.model_name}/{self.version}"


def parse_mode(text: str) -> DeleteMode:
    """The mode by its number or by its name.

    Raises:
        Invalid: code `delete_mode_invalid`.
    """
    mode = _MODES.get(text)
    if mode is None:
        raise Invalid(
            f"delete_mode: expected one of {', '.join(_MODES)}, got {text[:_SHOWN]!r}",
            code="delete_mode_invalid",
            field="delete_mode",
        )
    return mode


def refuse_blocked(title: str, blockers: Blockers) -> None:
    """Raise Conflict (code `deletion_blocked`) when something stops the deletion."""
    if blockers:
        shown = blockers.first[:_MAX_REASONS]
        reasons = "; ".join(blocker.message for blocker in shown)
        if blockers.count > len(shown):
            reasons += f"; and {blockers.count - len(shown)} more"
        raise Conflict(f"{title} cannot be deleted: {reasons}", code="deletion_blocked")


def stage_blocker(version: Version) -> Blocker:
    """What is in production stays."""
    return Blocker("in_production", version.version, f"version {version.version} is in production")


def used_by(user: Version, tenant_id: str) -> str:
    """Why a run or an experiment stays; another tenant's names are not shown."""
    if user.tenant_id != tenant_id:
        return "a version of another tenant uses it"
    return f"version {user.version} of '{user.model_name}' uses it"
