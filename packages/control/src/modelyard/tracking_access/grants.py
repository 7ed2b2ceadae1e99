"""Gives each run its token, where the tracking server is ours."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from modelyard.ports.clock import Clock
from modelyard.tracking_access.signing import RunToken, TrackingSigner

_SPARE = timedelta(minutes=10)
"""What a run may take beyond its limit until its last process is gone."""


class RunCredentials(Protocol):
    """What a run shows to the tracking server."""

    def secrets(self, run_key: str, *, seconds: float) -> Mapping[str, str]:
        """Variables of the run's environment that no log may show."""


class SignedCredentials:
    """For our own tracking server."""

    def __init__(self, signer: TrackingSigner, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock

    def secrets(self, run_key: str, *, seconds: float) -> Mapping[str, str]:
        """A token that ends with the run; its limit bounds it in any case."""
        expires_at = self._clock.now() + timedelta(seconds=seconds) + _SPARE
        return {"MLFLOW_TRACKING_TOKEN": self._signer.run_token(RunToken(run_key, expires_at))}


class NoCredentials:
    """For a tracking server of the operator's own, of which we know no credential that is a run's."""

    def secrets(self, run_key: str, *, seconds: float) -> Mapping[str, str]:  # noqa: ARG002
        """None."""
        return {}
