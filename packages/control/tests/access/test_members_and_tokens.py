"""Members, tokens and quotas: nobody gives more than they have, and what is limited stays limited."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from modelyard.access.domain import MemberKind
from modelyard.access.failures import FailedLogins, address_key
from modelyard.access.members import Members
from modelyard.access.quotas import Quotas, Resource
from modelyard.access.service import AccessService
from modelyard.access.tenants import NewTenant, Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Busy, Conflict, Forbidden, Invalid, ModelyardError, NotFound, Unauthenticated
from modelyard.principals import FIRST_TENANT, Permission, Principal, Role


@pytest.fixture
def access(database: Database, clock: ManualClock, member_tokens: Tokens) -> AccessService:
    failures = FailedLogins(clock=clock, most=3)
    return AccessService(database=database, clock=clock, tokens=member_tokens, is_open=False, failures=failures)


@pytest.fixture
def dora(members: Members, ada: Principal) -> Principal:
    """A developer of acme."""
    members.add(ada, subject="dora", kind=MemberKind.PERSON, role=Role.DEVELOPER)
    return Principal(tenant_id=ada.tenant_id, subject="dora", role=Role.DEVELOPER)


def code(error: pytest.ExceptionInfo[ModelyardError]) -> str:
    return error.value.code


class TestTenants:
    def test_a_new_one_has_an_administrator_who_is_let_in(self, acme: NewTenant, access: AccessService) -> None:
        principal = access.authenticate(f"Bearer {acme.secret}")
        assert (principal.tenant_id, principal.subject, principal.role) == ("acme", "ada", Role.ADMIN)

    def test_its_administrator_is_no_operator(self, ada: Principal) -> None:
        assert not ada.may(Permission.TENANTS_WRITE)

    def test_one_id_is_used_once(self, acme: NewTenant, tenants: Tenants, operator: Principal) -> None:
        with pytest.raises(Conflict) as caught:
            tenants.create(operator, tenant_id="acme", name="Again", admin="eve", quotas=Quotas())
        assert code(caught) == "tenant_exists"

    @pytest.mark.parametrize("tenant_id", ["", "Acme", "a--b", "a-", "-a", "1a", "a_b", "a" * 41, "a/b", "a\n"])
    def test_an_id_that_could_not_stand_in_a_name_is_refused(
        self, tenants: Tenants, operator: Principal, tenant_id: str
    ) -> None:
        with pytest.raises(Invalid) as caught:
            tenants.create(operator, tenant_id=tenant_id, name="x", admin="eve", quotas=Quotas())
        assert code(caught) == "tenant_id_invalid"

    def test_both_logs_tell_of_it(self, acme: NewTenant, audit: AuditLog) -> None:
        assert [entry.action for entry in audit.entries(FIRST_TENANT)] == ["tenant.created"]
        reported = [(entry.actor, entry.action) for entry in audit.entries("acme")]
        assert reported == [("default/olga", each) for each in ("tenant.created", "member.added", "token.created")]


class TestMembers:
    def test_a_removed_one_is_let_in_no_more(
        self, members: Members, member_tokens: Tokens, access: AccessService, ada: Principal, dora: Principal
    ) -> None:
        _, secret = member_tokens.create(dora, name="laptop")
        members.remove(ada, "dora")
        with pytest.raises(Unauthenticated):
            access.authenticate(f"Bearer {secret}")
        members.add(ada, subject="dora", kind=MemberKind.PERSON, role=Role.VIEWER)
        with pytest.raises(Unauthenticated):
            access.authenticate(f"Bearer {secret}")

    def test_another_role_counts_at_once(
        self, members: Members, member_tokens: Tokens, access: AccessService, ada: Principal, dora: Principal
    ) -> None:
        _, secret = member_tokens.create(dora, name="laptop")
        members.change_role(ada, "dora", Role.VIEWER)
        assert access.authenticate(f"Bearer {secret}").role is Role.VIEWER

    def test_the_audit_log_tells_of_every_change_of_a_membership_and_of_its_tokens(
        self, members: Members, member_tokens: Tokens, ada: Principal, dora: Principal, audit: AuditLog
    ) -> None:
        begun = len(audit.entries("acme"))
        token, secret = member_tokens.create(dora, name="laptop")
        member_tokens.create(dora, name="desk")
        member_tokens.revoke(ada, token.token_id)
        members.change_role(ada, "dora", Role.VIEWER)
        members.remove(ada, "dora")
        log = audit.entries("acme")[begun:]
        assert [(entry.action, entry.actor) for entry in log] == [
            ("token.created", "dora"),
            ("token.created", "dora"),
            ("token.revoked", "ada"),
            ("member.role_changed", "ada"),
            ("member.removed", "ada"),
        ]
        assert (log[3].before, log[3].after) == ({"role": "developer"}, {"role": "viewer"})
        assert log[4].after == {"revoked_tokens": 1}
        assert secret not in str(log)

    def test_the_last_administrator_stays(self, members: Members, ada: Principal) -> None:
        with pytest.raises(Conflict) as removed:
            members.remove(ada, "ada")
        with pytest.raises(Conflict) as demoted:
            members.change_role(ada, "ada", Role.VIEWER)
        assert code(removed) == code(demoted) == "last_admin"

    def test_of_two_administrators_who_remove_each_other_one_stays(self, members: Members, ada: Principal) -> None:
        members.add(ada, subject="eve", kind=MemberKind.PERSON, role=Role.ADMIN)
        together = threading.Barrier(2)

        def remove(subject: str) -> str:
            together.wait()
            try:
                members.remove(ada, subject)
            except Conflict as exc:
                return exc.code
            return "removed"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(remove, ["ada", "eve"])) == ["last_admin", "removed"]

    def test_who_has_scopes_cannot_make_an_administrator(self, members: Members, ada: Principal) -> None:
        narrow = Principal(
            tenant_id="acme", subject="ada", role=Role.ADMIN, scopes=frozenset({Permission.MEMBERS_WRITE})
        )
        with pytest.raises(Forbidden) as caught:
            members.add(narrow, subject="eve", kind=MemberKind.PERSON, role=Role.ADMIN)
        assert code(caught) == "role_exceeds_caller"

    def test_of_another_tenant_there_are_none(self, members: Members, operator: Principal, dora: Principal) -> None:
        with pytest.raises(NotFound):
            members.remove(operator, "dora")
        assert members.page(operator, limit=50, cursor=None).items == []


class TestTokens:
    def test_scopes_narrow_the_role(self, member_tokens: Tokens, access: AccessService, dora: Principal) -> None:
        _, secret = member_tokens.create(dora, name="ci", scopes={Permission.JOBS_WRITE})
        principal = access.authenticate(f"Bearer {secret}")
        assert principal.permissions == {Permission.JOBS_WRITE, Permission.IDENTITY_READ}

    def test_scopes_beyond_the_role_are_refused(self, member_tokens: Tokens, dora: Principal) -> None:
        with pytest.raises(Invalid) as caught:
            member_tokens.create(dora, name="ci", scopes={Permission.MODELS_APPROVE})
        assert code(caught) == "scope_outside_role"

    @pytest.mark.parametrize("scopes", [None, {Permission.JOBS_WRITE}])
    def test_a_narrow_token_makes_no_wider_one(
        self, member_tokens: Tokens, dora: Principal, scopes: set[Permission] | None
    ) -> None:
        narrow = Principal(
            tenant_id="acme", subject="dora", role=Role.DEVELOPER, scopes=frozenset({Permission.TOKENS_WRITE})
        )
        with pytest.raises(Forbidden) as caught:
            member_tokens.create(narrow, name="wide", scopes=scopes)
        assert code(caught) == "scopes_exceed_caller"

    def test_only_administrators_make_and_see_those_of_others(
        self, member_tokens: Tokens, ada: Principal, dora: Principal
    ) -> None:
        with pytest.raises(Forbidden):
            member_tokens.create(dora, subject="ada", name="mine now")
        own, _ = member_tokens.create(ada, subject="dora", name="for dora")
        assert [token.token_id for token in member_tokens.page(dora, limit=9, cursor=None).items] == [own.token_id]
        assert len(member_tokens.page(ada, limit=9, cursor=None).items) == 2
        (of_ada,) = (token for token in member_tokens.page(ada, limit=9, cursor=None).items if token.subject == "ada")
        with pytest.raises(NotFound):
            member_tokens.revoke(dora, of_ada.token_id)

    def test_a_revoked_or_expired_one_opens_nothing(
        self, member_tokens: Tokens, access: AccessService, clock: ManualClock, dora: Principal
    ) -> None:
        token, revoked = member_tokens.create(dora, name="lost")
        _, expired = member_tokens.create(dora, name="short", lifetime=timedelta(seconds=10))
        member_tokens.revoke(dora, token.token_id)
        clock.sleep(10)
        for secret in (revoked, expired):
            with pytest.raises(Unauthenticated):
                access.authenticate(f"Bearer {secret}")

    def test_its_last_use_is_written_at_most_once_a_minute(
        self, member_tokens: Tokens, access: AccessService, clock: ManualClock, dora: Principal
    ) -> None:
        _, secret = member_tokens.create(dora, name="laptop")
        first = clock.now()
        seen = []
        for seconds in (0, 59, 1):
            clock.sleep(seconds)
            access.authenticate(f"Bearer {secret}")
            seen.append(member_tokens.page(dora, limit=1, cursor=None).items[0].last_used_at)
        assert seen == [first, first, first + timedelta(seconds=60)]


class TestQuotas:
    def test_two_at_once_cannot_pass_one_together(
        self, tenants: Tenants, member_tokens: Tokens, operator: Principal, ada: Principal
    ) -> None:
        tenants.change(operator, "acme", name=None, quotas=Quotas({Resource.TOKENS: 3}))
        together = threading.Barrier(6)

        def make(number: int) -> str:
            together.wait()
            try:
                member_tokens.create(ada, name=f"token {number}")
            except Conflict as exc:
                return exc.code
            return "made"

        with ThreadPoolExecutor(6) as pool:
            outcomes = sorted(pool.map(make, range(6)))
        assert outcomes == ["made"] * 2 + ["quota_exceeded"] * 4

    def test_the_refusal_tells_the_numbers(self) -> None:
        with pytest.raises(Conflict) as caught:
            Quotas({Resource.CONCURRENT_JOBS: 2}).check(Resource.CONCURRENT_JOBS, lambda: 3)
        assert caught.value.message == "this would make 3 concurrent jobs, and the tenant's quota is 2"

    def test_what_has_no_limit_is_not_counted(self) -> None:
        def count() -> int:
            raise AssertionError("counted")

        Quotas({Resource.MODELS: 1}).check(Resource.VERSIONS, count)


class TestFailedLogins:
    def test_an_address_with_too_many_is_reported_when_to_come_again(
        self, access: AccessService, acme: NewTenant, clock: ManualClock
    ) -> None:
        for number in range(3):
            with pytest.raises(Unauthenticated):
                access.authenticate(f"Bearer wrong-{number}", address="203.0.113.9")
            clock.sleep(10)
        with pytest.raises(Busy) as caught:
            access.authenticate(f"Bearer {acme.secret}", address="203.0.113.9")
        assert caught.value.retry_after_seconds == 30
        clock.sleep(30)
        assert access.authenticate(f"Bearer {acme.secret}", address="203.0.113.9").subject == "ada"

    def test_a_right_token_is_not_blocked_by_failures_from_elsewhere(
        self, access: AccessService, acme: NewTenant
    ) -> None:
        guess = acme.secret[:12] + "x" * 34
        codes = []
        for number in range(5):
            with pytest.raises(ModelyardError) as caught:
                access.authenticate(f"Bearer {guess}", address=f"203.0.113.{number}")
            codes.append(code(caught))
        assert codes == ["token_invalid"] * 3 + ["too_many_failed_logins"] * 2
        assert access.authenticate(f"Bearer {acme.secret}", address="198.51.100.1").subject == "ada"

    @pytest.mark.parametrize(
        ("address", "key"),
        [
            ("203.0.113.9", "address:203.0.113.9"),
            ("2001:db8::1", "address:2001:db8::/64"),
            ("2001:db8::ffff:1", "address:2001:db8::/64"),
            ("::ffff:203.0.113.9", "address:203.0.113.9"),
            (None, "address:None"),
        ],
    )
    def test_an_ipv6_network_counts_as_one_address(self, address: str | None, key: str) -> None:
        assert address_key(address) == key
