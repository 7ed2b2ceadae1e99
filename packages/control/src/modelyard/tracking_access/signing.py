"""Tokens of runs, and the platform's own: signed, not stored, so that they are good without the control plane.

`mr_<job>/<attempt>.<expiry>.<signature>`. The key lies in the home; the state of the job is asked besides.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

_RUN, _PLATFORM = "mr_", "mp_"


@dataclass(frozen=True, slots=True)
class RunToken:
    """What a run's token says."""

    run_key: str
    """The job and the attempt, as the run's tags have them."""
    expires_at: datetime

    @property
    def job_id(self) -> str:
        """The job."""
        return self.run_key.partition("/")[0]


class TrackingSigner:
    """Makes tokens and knows them again."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def platform_token(self) -> str:
        """The control plane's own. Never in the environment of anything that runs users' code."""
        return _PLATFORM + self._signature("platform")

    def is_platform(self, token: str) -> bool:
        """Whether it is that one."""
        return hmac.compare_digest(token.encode(), self.platform_token().encode())

    def run_token(self, token: RunToken) -> str:
        """The token of one attempt of a job."""
        content = f"{token.run_key}.{int(token.expires_at.timestamp())}"
        return f"{_RUN}{content}.{self._signature(content)}"

    def read(self, token: str) -> RunToken | None:
        """What a run's token says; None for one that was not made here."""
        content, _, signature = token.removeprefix(_RUN).rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(content).encode()):
            return None
        run_key, _, expiry = content.rpartition(".")
        return RunToken(run_key, datetime.fromtimestamp(int(expiry), UTC))

    @staticmethod
    def is_of_run(token: str) -> bool:
        """Whether it looks like a run's."""
        return token.startswith(_RUN)

    def _signature(self, content: str) -> str:
        digest = hmac.digest(self._key, f"tracking:{content}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
