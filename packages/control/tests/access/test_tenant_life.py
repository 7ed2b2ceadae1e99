"""Suspending, resuming, deleting tenants; and the administrator who lost the token."""

import pytest
from sqlalchemy import Connection

from modelyard.access.failures import FailedLogins
from modelyard.access.quotas import Quotas
from modelyard.access.service import AccessService
from modelyard.access.tenant_life import TenantLife
from modelyard.access.tenants import NewTenant, Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Forbidden, ModelyardError, NotFound, Unauthenticated
from modelyard.principals import FIRST_TENANT, Principal


@pytest.fixture
def access(database: Database, clock: ManualClock, member_tokens: Tokens) -> AccessService:
    failures = FailedLogins(clock=clock, most=9)
    return AccessService(database=database, clock=clock, tokens=member_tokens, is_open=False, failures=failures)


def code(error: pytest.ExceptionInfo[ModelyardError]) -> str:
    return error.value.code


class TestSuspension:
    def test_nobody_of_it_is_let_in_until_it_is_resumed(
        self, tenant_life: TenantLife, access: AccessService, operator: Principal, acme: NewTenant
    ) -> None:
        assert tenant_life.suspend(operator, "acme", reason="unpaid").suspended_at is not None
        with pytest.raises(Forbidden) as caught:
            access.authenticate(f"Bearer {acme.secret}")
        assert code(caught) == "tenant_suspended"
        tenant_life.resume(operator, "acme", reason="paid")
        assert access.authenticate(f"Bearer {acme.secret}").subject == "ada"

    def test_both_logs_tell_of_it_once_with_the_reason(
        self, tenant_life: TenantLife, operator: Principal, acme: NewTenant, audit: AuditLog
    ) -> None:
        for _ in range(2):
            tenant_life.suspend(operator, "acme", reason="unpaid")
        for tenant_id, actor in ((FIRST_TENANT, "olga"), ("acme", "default/olga")):
            last = audit.entries(tenant_id)[-1]
            assert (last.action, last.actor, last.reason) == ("tenant.suspended", actor, "unpaid")
            assert [entry.action for entry in audit.entries(tenant_id)].count("tenant.suspended") == 1

    def test_the_operators_do_not_lock_themselves_out(
        self, tenant_life: TenantLife, tenants: Tenants, operator: Principal, access: AccessService
    ) -> None:
        access.first_token()
        with pytest.raises(Conflict) as caught:
            tenant_life.suspend(operator, FIRST_TENANT, reason="oops")
        assert code(caught) == "tenant_is_the_operators"


class TestDeletion:
    def test_it_needs_a_suspension_before(self, tenant_life: TenantLife, operator: Principal, acme: NewTenant) -> None:
        with pytest.raises(Conflict) as caught:
            tenant_life.delete(operator, "acme", reason="")
        assert code(caught) == "tenant_not_suspended"

    def test_what_still_runs_is_named_and_stops_it(
        self,
        database: Database,
        clock: ManualClock,
        audit: AuditLog,
        member_tokens: Tokens,
        operator: Principal,
        acme: NewTenant,
    ) -> None:
        def two_jobs(_: Connection, tenant_id: str) -> str | None:
            return f"2 jobs of {tenant_id}"

        tenant_life = TenantLife(
            database=database, clock=clock, audit=audit, tokens=member_tokens, deletion_blockers=[two_jobs]
        )
        tenant_life.suspend(operator, "acme", reason="")
        with pytest.raises(Conflict, match="tenant 'acme' has 2 jobs of acme"):
            tenant_life.delete(operator, "acme", reason="")

    def test_it_shuts_the_door_for_ever_and_the_id_is_used_up(
        self,
        tenant_life: TenantLife,
        tenants: Tenants,
        access: AccessService,
        operator: Principal,
        acme: NewTenant,
    ) -> None:
        tenant_life.suspend(operator, "acme", reason="")
        tenant_life.delete(operator, "acme", reason="they left")
        with pytest.raises(Unauthenticated):
            access.authenticate(f"Bearer {acme.secret}")
        with pytest.raises(NotFound):
            tenants.get("acme")
        assert "acme" not in [tenant.tenant_id for tenant in tenants.page(limit=50, cursor=None).items]
        with pytest.raises(NotFound):
            tenant_life.resume(operator, "acme", reason="")
        with pytest.raises(Conflict) as caught:
            tenants.create(operator, tenant_id="acme", name="Again", admin="eve", quotas=Quotas())
        assert code(caught) == "tenant_exists"

    def test_who_was_let_in_before_makes_nothing_after_it(
        self, tenant_life: TenantLife, member_tokens: Tokens, operator: Principal, ada: Principal
    ) -> None:
        tenant_life.suspend(operator, "acme", reason="")
        tenant_life.delete(operator, "acme", reason="")
        with pytest.raises(NotFound) as caught:
            member_tokens.create(ada, name="late")
        assert code(caught) == "tenant_not_found"


class TestReissue:
    def test_the_new_token_opens_the_door_and_the_lost_one_does_not(
        self, tenant_life: TenantLife, access: AccessService, operator: Principal, acme: NewTenant, audit: AuditLog
    ) -> None:
        _, secret = tenant_life.reissue(operator, "acme", admin="ada")
        assert access.authenticate(f"Bearer {secret}").subject == "ada"
        with pytest.raises(Unauthenticated):
            access.authenticate(f"Bearer {acme.secret}")
        last = audit.entries("acme")[-1]
        assert (last.action, last.actor) == ("token.reissued", "default/olga")

    def test_only_an_administrator_of_the_tenant_gets_one(
        self, tenant_life: TenantLife, operator: Principal, acme: NewTenant
    ) -> None:
        with pytest.raises(NotFound) as caught:
            tenant_life.reissue(operator, "acme", admin="mallory")
        assert code(caught) == "member_not_found"
