"""The verbs on a model's policy and on the checks that it asks for. What changes evidence expires what stood on it."""

from collections.abc import Mapping
from dataclasses import asdict

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.promotion import store
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.book import RequestBook
from modelyard.promotion.policy import Finding, Policy, check_policy
from modelyard.registry.domain import Version
from modelyard.registry.metrics import MetricRule
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover
from modelyard.revision import check_revision


class Policies:
    """Policies and checks of all tenants."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        registry: RegistryService,
        mover: StageMover,
        auto_staging: AutoStaging,
        book: RequestBook,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._mover = mover
        self._auto_staging = auto_staging
        self._book = book
        self._audit = audit

    def of_model(self, principal: Principal, model_name: str) -> tuple[Policy, int]:
        """The model's policy and its revision."""
        self._registry.model(principal, model_name)
        with self._database.read() as connection:
            return store.find_policy(connection, principal.tenant_id, model_name)

    def metric_rules(self, principal: Principal, model_name: str) -> Mapping[str, MetricRule]:
        """Which way the model's metrics are better, as far as its policy says so; nothing without a model."""
        with self._database.read() as connection:
            return store.find_policy(connection, principal.tenant_id, model_name)[0].metric_rules

    def put(self, principal: Principal, model_name: str, policy: Policy, *, revision: int | None) -> tuple[Policy, int]:
        """Put a policy in place of the one before. Open requests of the model expire with their evidence.

        Raises:
            Invalid: code `direction_unknown` or `approvers_too_few`.
        """
        check_policy(policy)
        subject = f"models/{model_name}/policy"
        self._registry.model(principal, model_name)
        with self._database.write() as connection:
            self._mover.lock(connection, principal, model_name)
            before, current = store.find_policy(connection, principal.tenant_id, model_name)
            check_revision(revision, current, subject=subject)
            store.put_policy(
                connection,
                principal.tenant_id,
                model_name,
                policy,
                revision=current + 1,
                at=self._clock.now(),
                by=principal.subject,
            )
            self._audit.record(
                connection,
                principal=principal,
                action="policy.changed",
                subject=subject,
                before=asdict(before),
                after=asdict(policy),
            )
            self._book.expire_stale(connection, principal, model_name)
        return policy, current + 1

    def record_check(
        self, principal: Principal, version: Version, *, name: str, is_passed: bool, details: str
    ) -> Mapping[str, bool]:
        """Record that the version passed a check, or did not, which may send it to staging. Gives all its checks."""
        with self._database.write() as connection:
            self._mover.lock(connection, principal, version.model_name)
            store.put_check(
                connection,
                version,
                name=name,
                is_passed=is_passed,
                details=details,
                at=self._clock.now(),
                by=principal.subject,
            )
            self._audit.record(
                connection,
                principal=principal,
                action="check.recorded",
                subject=version.subject,
                reason=details,
                after={"check": name, "is_passed": is_passed},
            )
            self._book.expire_stale(connection, principal, version.model_name)
            now = self._registry.version_within(connection, principal, version.model_name, version.version)
            self._auto_staging.apply(connection, now)
            return store.checks_of(connection, version)

    def findings(self, principal: Principal, version: Version) -> tuple[Finding, ...]:
        """What the policy says of a version now."""
        with self._database.read() as connection:
            policy, _ = store.find_policy(connection, principal.tenant_id, version.model_name)
            return self._book.findings(connection, principal, policy, version)
