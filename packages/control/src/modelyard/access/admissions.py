"""Who was let in a moment ago. It holds while nothing that counts was changed in the database, for a minute at most."""

from dataclasses import dataclass
from datetime import datetime

from modelyard.access.domain import token_digest
from modelyard.principals import Principal

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Admission:
    """A caller who was let in, and until when that may be relied on; None: not beyond this request."""

    principal: Principal
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Recalled:
    """A caller who was let in when the database had counted so many changes, or more: at another count, nobody."""

    principal: Principal
    changes: int


class Admissions:
    """Admissions of the last minute, by the digest of the header that brought each; at ten thousand it begins anew."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Admission]] = {}

    def keep(self, authorization: str, admission: Admission, *, changes: int) -> None:
        """Remember one that was made when the database had counted so many changes, or more."""
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[token_digest(authorization)] = (changes, admission)

    def recall(self, authorization: str, *, now: datetime) -> Recalled | None:
        """Whom it brought in last, if that may still be relied on once nothing has changed since."""
        changes, admission = self._kept.get(token_digest(authorization), (0, None))
        if admission is None or admission.until is None or admission.until <= now:
            return None
        return Recalled(admission.principal, changes)
