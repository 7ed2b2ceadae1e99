"""Keeps what servers have counted, reports drift of deployments, and records when it is found and when it ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from modelyard.analysis.drift import MIN_ROWS, DriftVerdict
from modelyard.analysis.guardrails import Verdict
from modelyard.analysis.profile import TrainingProfile, read_profile
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.drift import store
from modelyard.drift.domain import (
    KEPT,
    NO_PROFILE,
    SPANS,
    Counts,
    DriftReport,
    Served,
    added,
    judge,
    overall,
    since_last,
    start_of_window,
)
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.ports.drift_counts import ServedCounts
from modelyard.principals import Principal, Role

_SYSTEM = "modelyard"
_SOURCES_KEPT = timedelta(days=90)
"""How long a server may answer nobody before all that it counted looks new."""


class DriftService:
    """Drift of all tenants' deployments."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        deployments: DeploymentService,
        packaging: PackagingService,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._deployments = deployments
        self._packaging = packaging

    def profile_of(self, deployment: Deployment) -> TrainingProfile | None:
        """The profile of the training data of the version that a deployment serves."""
        bundle = self._packaging.find(deployment.tenant_id, deployment.model_name, deployment.version)
        return None if bundle is None or bundle.profile is None else read_profile(bundle.profile)

    def report(self, principal: Principal, deployment_id: str, *, hours: float | None = None) -> DriftReport:
        """What a deployment got and answered lately, against the training data of its version.

        Args:
            hours: how far back; None: one hour, or as far as a judgement needs, 48 hours at most.

        Raises:
            NotFound: code `deployment_not_found`.
        """
        span = None if hours is None else timedelta(hours=hours)
        return self._report(self._deployments.get(principal, deployment_id), span)

    def note(self, deployment: Deployment, profile: TrainingProfile, served: ServedCounts) -> bool:
        """Add what a server has counted since it was asked last; whether it was anything.

        Counts of another version, which a replacement leaves behind for a moment, and of other bins are not taken.
        """
        counts = [list(each) for each in served.counts]
        if served.version != str(deployment.version) or served.profile != profile.digest or not profile.fits(counts):
            return False
        now, which = self._clock.now(), (deployment.deployment_id, served.instance)
        with self._database.write() as connection:
            last = store.last_counts(connection, *which, profile.digest)
            more = since_last(last, counts)
            if last == counts or not any(map(any, more)):
                return False
            store.put_source(connection, *which, profile.digest, counts, at=now)
            window = (deployment.deployment_id, profile.digest, start_of_window(now))
            before = store.window(connection, *window)
            together = more if before is None else added([before, more])
            store.put_window(connection, *window, together, is_new=before is None)
        return True

    def record_change(self, deployment: Deployment) -> None:
        """Write an event if drift is found of a deployment where there was none, or has ended."""
        report = self._report(deployment, None)
        if report.verdict is DriftVerdict.TOO_LITTLE_DATA:
            return
        is_drifted, which = report.verdict is DriftVerdict.DRIFTED, (deployment.deployment_id, deployment.version)
        with self._database.write() as connection:
            if store.found(connection, *which) is is_drifted:
                return
            if is_drifted:
                store.put_finding(connection, *which, report.drifted, at=self._clock.now())
            else:
                store.remove_finding(connection, *which)
            self._audit.record(
                connection,
                principal=Principal(tenant_id=deployment.tenant_id, subject=_SYSTEM, role=Role.DEVELOPER),
                action="drift.found" if is_drifted else "drift.ended",
                subject=deployment.subject,
                reason=report.message,
                after={
                    "model": f"models/{deployment.model_name}",
                    "version": deployment.version,
                    "features": list(report.drifted),
                    "rows": report.rows,
                },
            )

    def judge(
        self,
        candidate: Sequence[Deployment],
        production: Sequence[Deployment],
        *,
        since: datetime,
        against_production: bool,
    ) -> tuple[Verdict, str]:
        """Whether a version under trial drifts, by what both versions' deployments counted since a moment."""
        begun = start_of_window(since)
        return judge(
            self._served(candidate, begun), self._served(production, begun), against_production=against_production
        )

    def forget(self) -> None:
        """Delete counts that are too old for any report."""
        with self._database.write() as connection:
            now = self._clock.now()
            store.forget(connection, windows_before=now - KEPT, sources_before=now - _SOURCES_KEPT)

    def _served(self, deployments: Sequence[Deployment], since: datetime) -> Served | None:
        profile = next((found for each in deployments if (found := self.profile_of(each)) is not None), None)
        if profile is None:
            return None
        with self._database.read() as connection:
            ids = [each.deployment_id for each in deployments]
            windows = store.windows_since(connection, ids, profile.digest, since)
        return _of(profile, [counts for _, counts in windows])

    def _report(self, deployment: Deployment, span: timedelta | None) -> DriftReport:
        profile, now = self.profile_of(deployment), self._clock.now()
        if profile is None:
            return _without_profile(deployment)
        with self._database.read() as connection:
            found = store.windows_since(
                connection, [deployment.deployment_id], profile.digest, start_of_window(now - (span or KEPT))
            )
        windows = found
        for shorter in () if span is not None else SPANS:
            windows = [each for each in found if each[0] >= start_of_window(now - shorter)]
            if _of(profile, [counts for _, counts in windows]).rows >= MIN_ROWS:
                break
        served = _of(profile, [counts for _, counts in windows])
        features = served.report()
        verdict, message = overall(features, served.rows)
        return DriftReport(
            deployment_id=deployment.deployment_id,
            model_name=deployment.model_name,
            version=deployment.version,
            verdict=verdict,
            message=message,
            since=windows[-1][0] if windows else None,
            rows=served.rows,
            profile_rows=profile.rows,
            features=features,
            left_out=tuple(profile.left_out),
        )


def _of(profile: TrainingProfile, counts: Sequence[Counts]) -> Served:
    return Served(profile, profile.counted(added(counts)))


def _without_profile(deployment: Deployment) -> DriftReport:
    return DriftReport(
        deployment_id=deployment.deployment_id,
        model_name=deployment.model_name,
        version=deployment.version,
        verdict=DriftVerdict.TOO_LITTLE_DATA,
        message=NO_PROFILE,
        since=None,
        rows=0,
        profile_rows=None,
        features=(),
        left_out=(),
    )
