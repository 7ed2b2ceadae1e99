"""Moves versions to staging by the model's rule, without a person. It never moves one to production, nor back."""

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.principals import Principal, Role
from modelyard.promotion import store
from modelyard.promotion.policy import Finding, evaluate
from modelyard.registry.domain import Version
from modelyard.registry.stages import StageMover
from modelyard.registry.states import Stage

ACTOR = "policy"
"""Whom the audit log names; no member can have this name."""


class AutoStaging:
    """The rule `auto_staging` of a model's policy, applied in the transaction that made its evidence."""

    def __init__(self, *, mover: StageMover, audit: AuditLog) -> None:
        self._mover = mover
        self._audit = audit

    def apply(self, connection: Connection, version: Version) -> Version:
        """Move the version to staging if the policy wants that and is met; gives it as it is afterwards.

        A version that a person has taken back from staging stays where they put it. A change of the policy alone moves
        nothing: it counts for what is registered, tagged or checked from then on.
        """
        actor = Principal(tenant_id=version.tenant_id, subject=ACTOR, role=Role.DEVELOPER)
        policy, revision = store.find_policy(connection, version.tenant_id, version.model_name)
        if not policy.auto_staging or version.stage is not Stage.NONE or self._was_taken_back(connection, version):
            return version
        findings = evaluate(
            policy,
            version,
            production=self._mover.current(connection, actor, version.model_name),
            checks=store.checks_of(connection, version),
        )
        if not all(finding.is_met for finding in findings):
            return version
        evidence = {"policy_revision": revision, "findings": _sentences(findings)}
        reason = "the model's policy is met"
        return self._mover.move(connection, actor, version, Stage.STAGING, reason=reason, evidence=evidence)

    def _was_taken_back(self, connection: Connection, version: Version) -> bool:
        entries = self._audit.latest(
            connection, version.tenant_id, action=f"version.{Stage.NONE}", subject_prefix=version.subject
        )
        return any(entry.subject == version.subject for entry in entries)


def _sentences(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.message for finding in findings]
