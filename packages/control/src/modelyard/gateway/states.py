"""The life of an API, as a table."""

from enum import StrEnum


class ApiStatus(StrEnum):
    """What callers of an API may count on."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    """It answers, and every answer says so (RFC 9745), and until when (RFC 8594)."""
    RETIRED = "retired"
    """Every request gets 410, with the address of the successor."""


TRANSITIONS: dict[ApiStatus, frozenset[ApiStatus]] = {
    ApiStatus.ACTIVE: frozenset({ApiStatus.DEPRECATED, ApiStatus.RETIRED}),
    ApiStatus.DEPRECATED: frozenset({ApiStatus.ACTIVE, ApiStatus.RETIRED}),
    # Whoever retired the wrong one brings it back.
    ApiStatus.RETIRED: frozenset({ApiStatus.ACTIVE, ApiStatus.DEPRECATED}),
}
