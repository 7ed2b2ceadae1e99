"""Builds what the tracking server's process needs of ours to know its callers: no more, so that it starts soon."""

from starlette.types import ASGIApp

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.system import SystemClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.http.middleware.source_check import SourceCheck
from modelyard.jobs.running import RunningJobs
from modelyard.local.federation import federation
from modelyard.settings import Settings
from modelyard.tracking_access.callers import Callers
from modelyard.tracking_access.facts import TrackedFacts
from modelyard.tracking_access.middleware import TrackingDoor
from modelyard.tracking_access.signing import TrackingSigner
from modelyard.training.running import TrainingState
from modelyard.trusted_sources import TrustedSources


def guarded(app: ASGIApp, *, settings: Settings, facts: TrackedFacts, listens_on: str) -> ASGIApp:
    """The application behind our access, for requests that come from where they should."""
    clock = SystemClock()
    database = Database(settings.storage.database)
    audit = AuditLog(database=database, clock=clock)
    tokens = Tokens(database=database, clock=clock, audit=audit)
    callers = Callers(
        signer=TrackingSigner(settings.tracking_server.signing_key(settings.storage.places)),
        access=AccessService(
            database=database,
            clock=clock,
            tokens=tokens,
            is_open=not settings.access.auth,
            failures=FailedLogins(clock=clock, most=settings.access.failed_logins_per_minute),
            federation=federation(settings.oidc),
        ),
        tenants=Tenants(database=database, clock=clock, audit=audit, tokens=tokens),
        training=TrainingState(RunningJobs(database)),
        clock=clock,
        is_open=not settings.access.auth,
    )
    sources = TrustedSources(
        listens_on=listens_on, hosts=settings.http.allowed_hosts, origins=settings.http.allowed_origins
    )
    return SourceCheck(TrackingDoor(app, callers=callers, facts=facts), sources=sources)
