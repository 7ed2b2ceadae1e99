"""Finds out who calls the tracking server: by Bearer, or by Basic with any user name and the token as password."""

import base64
import binascii
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from modelyard.access.service import AccessService
from modelyard.access.tenants import Tenants
from modelyard.errors import ModelyardError, Unauthenticated, Unavailable
from modelyard.ports.clock import Clock
from modelyard.principals import FIRST_TENANT, Permission, Principal, Role
from modelyard.tracking_access.domain import Caller, RunGrant, TrainingJob, TrainingJobs
from modelyard.tracking_access.signing import TrackingSigner

_FRESH_SECONDS = 2.0
"""How long an answer of our database is taken again: a training step may log a hundred times a second."""
_MOST = 1000

T = TypeVar("T")


class Platform:
    """The control plane itself, which may do everything."""


PLATFORM = Platform()


class Callers:
    """Knows tokens of people, of runs and of the platform.

    Args:
        is_open: whether who shows no token is the first tenant's administrator (`--no-auth`, on loopback only).
    """

    def __init__(
        self,
        *,
        signer: TrackingSigner,
        access: AccessService,
        tenants: Tenants,
        training: TrainingJobs,
        clock: Clock,
        is_open: bool,
    ) -> None:
        self._signer = signer
        self._access = access
        self._tenants = tenants
        self._training = training
        self._clock = clock
        self._is_open = is_open
        self._people: Recent[Caller] = Recent()
        self._jobs: Recent[TrainingJob | None] = Recent()

    def recall(self, authorization: str | None) -> Caller | Platform | None:
        """Who that is, as far as it can be said without the database; what was found a moment ago holds."""
        token = _token(authorization)
        if token is None:
            return self._people.fresh("")
        if self._signer.is_platform(token):
            return PLATFORM
        if not self._signer.is_of_run(token):
            return self._people.fresh(f"Bearer {token}")
        said = self._signer.read(token)
        is_known = said is not None and self._jobs.fresh(said.job_id) is not None
        return self._run(token) if is_known else None

    def find(self, authorization: str | None, *, address: str | None) -> Caller | Platform:
        """Who shows this header.

        Raises:
            Unauthenticated: nobody that we know, or a run that has ended.
            Busy: too many failed tries.
            Forbidden: the tenant is suspended.
            Unavailable: our database does not answer, and did not a moment ago.
        """
        token = _token(authorization)
        if token is not None and self._signer.is_platform(token):
            return PLATFORM
        if token is not None and self._signer.is_of_run(token):
            return self._run(token)
        bearer = None if token is None else f"Bearer {token}"
        return self._people.get(bearer or "", lambda: self._person(bearer, address))

    def _person(self, bearer: str | None, address: str | None) -> Caller:
        if bearer is None and not self._is_open:
            raise Unauthenticated(
                "MLflow needs a token of yours: in MLFLOW_TRACKING_TOKEN for its client; in a browser as password of "
                "any user name",
                code="token_missing",
            )
        principal = self._access.authenticate(bearer, address=address)
        return _caller(principal, sees_all=_is_operator(principal) or self._tenants.is_single())

    def _run(self, token: str) -> Caller:
        said = self._signer.read(token)
        if said is None or said.expires_at <= self._clock.now():
            raise Unauthenticated("the run's token is unknown or expired", code="token_invalid")
        job = self._jobs.get(said.job_id, lambda: self._training.find(said.job_id))
        if job is None:
            raise Unauthenticated("the run has ended, and its token with it", code="run_ended")
        grant = RunGrant(job_id=said.job_id, run_key=said.run_key, model_name=job.model_name)
        return Caller(tenant_id=job.tenant_id, subject=said.run_key, may_write=True, grant=grant)


class Recent(Generic[T]):
    """What was found a moment ago, and still holds when the database does not answer now."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, T]] = {}
        self._changing = threading.Lock()

    def fresh(self, key: str) -> T | None:
        """What was found a moment ago."""
        known = self._known.get(key)
        return known[1] if known is not None and time.monotonic() - known[0] < _FRESH_SECONDS else None

    def get(self, key: str, find: Callable[[], T]) -> T:
        """What `find` gives, or gave a moment ago. What it refuses is not remembered."""
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now - known[0] < _FRESH_SECONDS:
            return known[1]
        try:
            found = find()
        except Unavailable:
            if known is None:
                raise
            return known[1]
        except ModelyardError:
            with self._changing:
                self._known.pop(key, None)
            raise
        with self._changing:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (now, found)
        return found


def _caller(principal: Principal, *, sees_all: bool) -> Caller:
    return Caller(
        tenant_id=principal.tenant_id,
        subject=principal.subject,
        may_write=principal.may(Permission.MODELS_WRITE),
        is_operator=_is_operator(principal) and principal.scopes is None,
        sees_all=sees_all,
    )


def _is_operator(principal: Principal) -> bool:
    return principal.tenant_id == FIRST_TENANT and principal.role is Role.ADMIN


def _token(authorization: str | None) -> str | None:
    scheme, _, secret = (authorization or "").strip().partition(" ")
    secret = secret.strip()
    if scheme.lower() == "bearer" and secret:
        return secret
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(secret, validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None
