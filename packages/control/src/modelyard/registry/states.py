"""The life of a version's stage, as a table (docs/architecture/02-life-cycles.md)."""

from enum import StrEnum


class Stage(StrEnum):
    """How far a version has come."""

    NONE = "none"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


TRANSITIONS: dict[Stage, frozenset[Stage]] = {
    Stage.NONE: frozenset({Stage.STAGING}),
    Stage.STAGING: frozenset({Stage.PRODUCTION, Stage.NONE}),
    Stage.PRODUCTION: frozenset({Stage.ARCHIVED, Stage.STAGING}),
    Stage.ARCHIVED: frozenset({Stage.STAGING}),
}
