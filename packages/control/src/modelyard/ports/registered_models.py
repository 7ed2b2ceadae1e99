"""The tracker's own registry of models, in which ours is mirrored, and where people register models without us."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modelyard.ports.tracking import LoggedModel

NO_STAGE = "None"
"""The stage, MLflow's deprecated word, of a version that nobody moved."""


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A registered model. `aliases` go from a name to the version's number."""

    name: str
    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]
    changed_at: int
    """Milliseconds since 1970 by the tracker's clock, at least of the last version that was made or dropped."""


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version of a registered model. Its numbers are the tracker's, not ours."""

    name: str
    number: int
    made_at: int
    """Milliseconds since 1970. A model that is deleted and made again counts from 1 again; this differs."""
    source: str
    run_id: str | None
    is_ready: bool
    stage: str
    description: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShownPage:
    """Some registered models by name, and where the next page begins, None at the end."""

    models: Sequence[ShownModel]
    next_cursor: str | None


class RegisteredModels(Protocol):
    """The verbs that we use. Each is one or two calls, idempotent but for `make_version`, and may block for seconds.

    Every call raises Unavailable (code `tracking_unavailable`) when the tracker does not answer. A change of what is
    not there raises NotFound; dropping what is not there does nothing. Tags that MLflow keeps for itself (`mlflow.…`)
    are left out and left alone.
    """

    def page(self, *, prefix: str = "", cursor: str | None = None, limit: int = 100) -> ShownPage:
        """Registered models whose names begin so, by name. Prompts, which MLflow keeps there too, are none."""

    def changed_since(self, moment: int) -> Iterator[ShownModel]:
        """Models of which a version was made or dropped at this time (milliseconds) or later, the latest first."""

    def model(self, name: str) -> ShownModel | None:
        """One registered model, None if there is none."""

    def version(self, name: str, number: int) -> ShownVersion | None:
        """One version, None if there is none."""

    def versions(self, name: str, *, after: int = 0) -> Iterator[ShownVersion]:
        """All versions with greater numbers, by number, fetched page by page; none if the model is not there."""

    def versions_tagged(self, name: str, key: str, value: str) -> Sequence[ShownVersion]:
        """The versions of this model that carry the tag, by number."""

    def versions_of(self, name: str, source: str) -> Sequence[ShownVersion]:
        """The versions of this model that were registered from the source, by number."""

    def logged_model(self, version: ShownVersion) -> LoggedModel:
        """The logged model that the version was registered from, also through copies of versions.

        Raises:
            NotFound: it is gone.
            Invalid: code `source_unsupported`, when the version's source is none of the tracker's logged models; it is
                not fetched then.
        """

    def make_model(self, name: str) -> None:
        """Make a registered model, if there is none of this name."""

    def make_version(
        self, name: str, *, model_uri: str, run_id: str | None, description: str, tags: Mapping[str, str]
    ) -> ShownVersion:
        """Make the next version with its tags, all at once. Each call makes another.

        Raises:
            NotFound: the registered model, or the logged model at this address.
        """

    def describe_model(self, name: str, text: str) -> None:
        """Write a model's description."""

    def tag_model(self, name: str, key: str, value: str | None) -> None:
        """Write a model's tag; None takes it away."""

    def describe_version(self, name: str, number: int, text: str) -> None:
        """Write a version's description."""

    def tag_version(self, name: str, number: int, key: str, value: str | None) -> None:
        """Write a version's tag; None takes it away."""

    def set_alias(self, name: str, alias: str, number: int | None) -> None:
        """Point an alias at a version; None takes it away."""

    def leave_stage(self, name: str, number: int) -> None:
        """Take a version out of MLflow's deprecated stages."""

    def drop_version(self, name: str, number: int) -> None:
        """Delete a version, not what it was registered from. Its number is not used again."""

    def drop_model(self, name: str) -> None:
        """Delete a registered model with all its versions."""
