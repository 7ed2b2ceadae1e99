"""The audit log's entries of deployments, and who acts when nobody asked."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.deployments.domain import Deployment
from modelyard.principals import Principal, Role

SYSTEM = "modelyard"
"""Who the audit log names when nobody asked for a change."""


def system_principal(tenant_id: str) -> Principal:
    """Who acts when nobody asked."""
    return Principal(tenant_id=tenant_id, subject=SYSTEM, role=Role.DEVELOPER)


class Records:
    """Writes the entries, each in the transaction of what it records."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def write(
        self,
        connection: Connection,
        principal: Principal,
        action: str,
        deployment: Deployment,
        *,
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """One entry on a deployment; it names the version that serves."""
        self._audit.record(
            connection,
            principal=principal,
            action=action,
            subject=deployment.subject,
            reason=reason,
            before=before,
            after={**(after or {}), "model": f"models/{deployment.model_name}/versions/{deployment.version}"},
        )
