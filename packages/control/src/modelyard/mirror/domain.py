"""What the tracker shall show of a model, what differs, and which of its versions are ours. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from posixpath import normpath

from modelyard.ports.registered_models import NO_STAGE, ShownModel, ShownVersion
from modelyard.principals import TRACKER_SUBJECT, Principal, Role
from modelyard.registry.domain import Model, Version, user_tags
from modelyard.registry.states import Stage

VERSION_TAG = "modelyard.version"
STAGE_TAG = "modelyard.stage"
MANIFEST_TAG = "modelyard.manifest"
MARKS = frozenset({VERSION_TAG, STAGE_TAG, MANIFEST_TAG})
"""Tags of a version that are the mirror's own."""
LONGEST_TEXT = 5000
"""MLflow's columns of descriptions and tags hold no more; on PostgreSQL a longer text would be refused."""

_SHOWN_KEY = re.compile(r"[/\w.\- :]{1,250}")
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(days=1)


class DriftKind(StrEnum):
    """In what the tracker differs from our tables."""

    MODEL_MISSING = "model_missing"
    VERSION_MISSING = "version_missing"
    DESCRIPTION = "description"
    TAG = "tag"
    ALIAS = "alias"
    STAGE = "stage"
    """One of MLflow's own stages, which are not ours."""
    SURPLUS = "surplus"
    """A version that we deleted, or a second mirror of one."""
    UNSHOWABLE = "unshowable"
    """Something that MLflow cannot hold."""
    UNIMPORTED = "unimported"
    """Registered in the tracker without us."""
    REFUSED = "refused"
    """Registered in the tracker without us, and nothing that we can take."""


REPAIRABLE = frozenset(DriftKind) - {DriftKind.UNSHOWABLE, DriftKind.UNIMPORTED, DriftKind.REFUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference."""

    kind: DriftKind
    model_name: str
    """Ours, or the tracker's where it is none of ours."""
    version: int | None = None
    """Ours."""
    tracker_name: str
    tracker_version: int | None = None
    key: str | None = None
    """Which tag or alias."""
    expected: str | None = None
    found: str | None = None
    reason: str

    @property
    def is_repairable(self) -> bool:
        """Whether bringing the mirror up to date ends it."""
        return self.kind in REPAIRABLE


@dataclass(frozen=True, slots=True)
class Link:
    """Which version of the tracker's is which of ours."""

    tenant_id: str
    model_name: str
    version: int
    tracker_name: str
    tracker_version: int
    made_at: int
    is_released: bool
    """Ours is deleted and the tracker's shall stay: it is nobody's drift."""

    def is_of(self, shown: ShownVersion) -> bool:
        """Whether this is the very version, not a later one of the same number."""
        return (self.tracker_name, self.tracker_version, self.made_at) == (shown.name, shown.number, shown.made_at)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version of the tracker's that could not be imported. It is tried again, ever more seldom."""

    tracker_name: str
    tracker_version: int
    made_at: int
    code: str
    reason: str
    attempts: int
    next_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class Desired:
    """What a version or a model shall show: a description and tags, all of them."""

    description: str
    tags: Mapping[str, str]


def tracker(tenant_id: str) -> Principal:
    """On whose behalf things are done that nobody asked us for: as the audit log names it."""
    return Principal(tenant_id=tenant_id, subject=TRACKER_SUBJECT, role=Role.ADMIN)


def wait_after(attempts: int) -> timedelta:
    """How long a version that was refused so often is left alone."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * (1 << min(attempts, 20)))


def desired_version(version: Version) -> Desired:
    """What the tracker's version of ours shall say."""
    marks = {
        VERSION_TAG: str(version.version),
        STAGE_TAG: str(version.stage),
        MANIFEST_TAG: version.manifest_digest,
    }
    return Desired(_clipped(version.description), {**_shown_tags(version.tags), **marks})


def desired_model(model: Model) -> Desired:
    """What the tracker's registered model shall say."""
    return Desired(_clipped(model.description), _shown_tags(model.tags))


def desired_aliases(model: Model) -> dict[str, int | None]:
    """Which of our versions each of our two aliases shall point at. Aliases of other names are other people's."""
    return {str(Stage.PRODUCTION): model.production_version, str(Stage.STAGING): model.staging_version}


def unshowable_tags(tags: Mapping[str, str]) -> list[str]:
    """Keys that MLflow does not take, or keeps for itself, or that we keep for the mirror's own marks."""
    return sorted(key for key in tags if not _is_showable(key))


def is_mirror_of(shown: ShownVersion, version: Version) -> bool:
    """Whether this was made as the mirror of the version: it says so, and has the same source.

    The tag alone proves nothing: MLflow copies it with a version, and anybody can write it.
    """
    return claimed_version(shown) == version.version and shown.source in {version.model_uri, version.artifact_uri}


def is_mirror_of_deleted(shown: ShownVersion, number: int) -> bool:
    """The same for a version of ours of which no more is known than its number."""
    return claimed_version(shown) == number and MANIFEST_TAG in shown.tags and not is_copy(shown)


def is_copy(shown: ShownVersion) -> bool:
    """Whether somebody made it of another registered version (`copy_model_version`)."""
    return shown.source.startswith("models:/") and not shown.source.startswith("models:/m-")


def claimed_version(shown: ShownVersion) -> int | None:
    """The number of ours that its tags claim."""
    text = shown.tags.get(VERSION_TAG, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def model_drift(model: Model, shown: ShownModel) -> Iterator[Drift]:
    """Differences in the description and the tags of a registered model."""
    place = _Place(model.name, None, shown.name, None)
    yield from _text_drift(place, desired_model(model), shown)
    yield from _unshowable_drift(place, model.tags)


def version_drift(version: Version, shown: ShownVersion) -> Iterator[Drift]:
    """Differences in the description, the tags and MLflow's own stage of a version."""
    place = _Place(version.model_name, version.version, shown.name, shown.number)
    yield from _text_drift(place, desired_version(version), shown)
    if shown.stage != NO_STAGE:
        reason = f"it is in MLflow's stage {shown.stage}; our stage is {version.stage}"
        yield place.drift(DriftKind.STAGE, expected=NO_STAGE, found=shown.stage, reason=reason)
    yield from _unshowable_drift(place, version.tags)


def alias_drift(model: Model, shown: ShownModel, ours: Mapping[int, int]) -> Iterator[Drift]:
    """Differences in our two aliases; `ours` goes from the tracker's numbers to ours."""
    for alias, expected in desired_aliases(model).items():
        number = shown.aliases.get(alias)
        found = None if number is None else ours.get(number)
        if found == expected and (found is None) == (number is None):
            continue
        target = f"version {found}" if found is not None else f"MLflow's version {number}" if number else "nothing"
        place = _Place(model.name, expected, shown.name, number)
        yield place.drift(
            DriftKind.ALIAS,
            key=alias,
            expected=None if expected is None else f"version {expected}",
            found=None if number is None else target,
            reason=f"alias '{alias}' points at {target}; in {alias} is {f'version {expected}' if expected else 'none'}",
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a difference is."""

    model_name: str
    version: int | None
    tracker_name: str
    tracker_version: int | None

    def drift(
        self,
        kind: DriftKind,
        *,
        reason: str,
        key: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> Drift:
        return Drift(
            kind=kind,
            model_name=self.model_name,
            version=self.version,
            tracker_name=self.tracker_name,
            tracker_version=self.tracker_version,
            key=key,
            expected=expected,
            found=found,
            reason=reason,
        )


def _text_drift(place: _Place, desired: Desired, shown: ShownModel | ShownVersion) -> Iterator[Drift]:
    if shown.description != desired.description:
        yield place.drift(
            DriftKind.DESCRIPTION,
            expected=desired.description,
            found=shown.description,
            reason="the description is another",
        )
    for key in sorted(desired.tags.keys() | shown.tags.keys()):
        expected, found = desired.tags.get(key), shown.tags.get(key)
        if expected != found:
            fault = "missing" if found is None else "none of ours" if expected is None else "another"
            yield place.drift(DriftKind.TAG, key=key, expected=expected, found=found, reason=f"tag '{key}' is {fault}")


def _unshowable_drift(place: _Place, tags: Mapping[str, str]) -> Iterator[Drift]:
    for key in unshowable_tags(tags):
        reason = f"tag {key!r} is none that MLflow can hold"
        yield place.drift(DriftKind.UNSHOWABLE, key=key, expected=tags[key], reason=reason)


def _shown_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: _clipped(value) for key, value in tags.items() if _is_showable(key)}


def _is_showable(key: str) -> bool:
    """MLflow's own rule for keys, less those that are kept."""
    is_path = normpath(key) == key and key != "." and not key.startswith(("/", ".."))
    return is_path and bool(user_tags({key: ""})) and _SHOWN_KEY.fullmatch(key) is not None


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
