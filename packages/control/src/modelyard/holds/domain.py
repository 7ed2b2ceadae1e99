"""A hold on a version. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody's word that a version must be kept, for a reason and perhaps for a time."""

    hold_id: str
    tenant_id: str
    model_name: str
    version: int
    reason: str
    until: datetime | None
    """When it ends by itself; None when somebody must lift it."""
    put_by: str
    put_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    lift_reason: str | None

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"models/{self.model_name}/versions/{self.version}"

    def is_active(self, now: datetime) -> bool:
        """Whether it still holds the version."""
        return self.lifted_at is None and (self.until is None or now < self.until)
