"""How much a tenant may have of each thing. Pure: the noun that makes a thing counts it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modelyard.errors import Conflict


class Resource(StrEnum):
    """What is counted."""

    MODELS = "models"
    VERSIONS = "versions"
    REPLICAS = "replicas"
    """Of all deployments that are wanted, together."""
    CONCURRENT_JOBS = "concurrent_jobs"
    """Queued or running."""
    UPLOAD_BYTES = "upload_bytes"
    """Of all uploads that are not closed, together, as declared."""
    SCHEDULES = "schedules"
    TOKENS = "tokens"
    """That open the door: neither revoked nor expired."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most of each thing; what is not named has no limit."""

    maxima: Mapping[Resource, int] = field(default_factory=dict)

    def check(self, resource: Resource, count: Callable[[], int]) -> None:
        """Refuse what is too many. `count` counts the new one too, in the transaction that made it.

        Raises:
            Conflict: code `quota_exceeded`; the transaction is rolled back with it.
        """
        maximum = self.maxima.get(resource)
        if maximum is None:
            return
        used = count()
        if used > maximum:
            raise Conflict(
                f"this would make {used} {resource.replace('_', ' ')}, and the tenant's quota is {maximum}",
                code="quota_exceeded",
                field=resource,
            )
