"""The door: who is let in, and the first token."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tables import tokens
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.errors import Unauthenticated
from modelyard.principals import LOCAL_SUBJECT, Role


@pytest.fixture
def make_access(database: Database, clock: ManualClock, member_tokens: Tokens) -> Callable[[], AccessService]:
    return lambda: AccessService(
        database=database, clock=clock, tokens=member_tokens, is_open=False, failures=FailedLogins(clock=clock, most=5)
    )


@pytest.fixture
def access(make_access: Callable[[], AccessService]) -> AccessService:
    return make_access()


@pytest.fixture
def secret(access: AccessService) -> str:
    secret = access.first_token()
    assert secret is not None
    return secret


class TestFirstToken:
    def test_it_opens_the_door_to_an_administrator_of_the_first_tenant(
        self, access: AccessService, secret: str
    ) -> None:
        principal = access.authenticate(f"Bearer {secret}")
        assert (principal.tenant_id, principal.subject, principal.role) == ("default", "admin", Role.ADMIN)

    def test_it_is_reported_once(self, access: AccessService, secret: str) -> None:
        assert access.first_token() is None
        assert access.authenticate(f"Bearer {secret}").role is Role.ADMIN

    def test_one_that_could_not_be_kept_opens_nothing_and_the_next_start_makes_another(
        self, make_access: Callable[[], AccessService]
    ) -> None:
        kept: list[str] = []

        def keep_and_crash(secret: str) -> None:
            kept.append(secret)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_access().first_token(keep=keep_and_crash)
        with pytest.raises(Unauthenticated):
            make_access().authenticate(f"Bearer {kept[0]}")
        assert make_access().first_token(keep=kept.append) == kept[1]
        assert make_access().authenticate(f"Bearer {kept[1]}").role is Role.ADMIN

    def test_the_secret_itself_is_not_in_the_database(self, database: Database, secret: str) -> None:
        with database.read() as connection:
            row = connection.execute(select(tokens)).one()
        assert not any(secret in str(value) for value in row)

    def test_processes_that_start_at_once_make_one(
        self, make_access: Callable[[], AccessService], database: Database
    ) -> None:
        together = threading.Barrier(4)

        def start(_: int) -> str | None:
            together.wait()
            return make_access().first_token()

        with ThreadPoolExecutor(4) as pool:
            secrets = [secret for secret in pool.map(start, range(4)) if secret is not None]
        with database.read() as connection:
            assert connection.execute(select(func.count()).select_from(tokens)).scalar_one() == 1
        assert make_access().authenticate(f"Bearer {secrets[0]}").subject == "admin"
        assert len(secrets) == 1


class TestAuthenticate:
    @pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "my_secret"])
    def test_a_header_without_a_bearer_token_is_refused(self, access: AccessService, header: str | None) -> None:
        with pytest.raises(Unauthenticated) as caught:
            access.authenticate(header)
        assert caught.value.code == "token_missing"

    @pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
    def test_the_scheme_is_spelled_in_any_case(self, access: AccessService, secret: str, word: str) -> None:
        assert access.authenticate(f"{word} {secret}").subject == "admin"

    def test_an_unknown_token_is_refused(self, access: AccessService, secret: str) -> None:
        with pytest.raises(Unauthenticated) as caught:
            access.authenticate(f"Bearer {secret}x")
        assert caught.value.code == "token_invalid"

    def test_a_revoked_token_is_refused_like_an_unknown_one(
        self, access: AccessService, database: Database, clock: ManualClock, secret: str
    ) -> None:
        with database.write() as connection:
            connection.execute(update(tokens).values(revoked_at=clock.now()))
        with pytest.raises(Unauthenticated) as caught:
            access.authenticate(f"Bearer {secret}")
        assert caught.value.message == "the token is unknown, expired or revoked"

    def test_a_token_is_refused_from_the_moment_that_it_expires(
        self, access: AccessService, database: Database, clock: ManualClock, secret: str
    ) -> None:
        with database.write() as connection:
            connection.execute(update(tokens).values(expires_at=clock.now() + timedelta(seconds=10)))
        clock.sleep(9)
        assert access.authenticate(f"Bearer {secret}").subject == "admin"
        clock.sleep(1)
        with pytest.raises(Unauthenticated):
            access.authenticate(f"Bearer {secret}")

    @pytest.fixture
    def open_access(self, database: Database, clock: ManualClock, member_tokens: Tokens) -> AccessService:
        failures = FailedLogins(clock=clock, most=5)
        return AccessService(database=database, clock=clock, tokens=member_tokens, is_open=True, failures=failures)

    def test_with_open_doors_a_token_that_is_sent_counts(self, open_access: AccessService) -> None:
        secret = open_access.first_token()
        assert open_access.authenticate(f"Bearer {secret}", change_number=1).subject == "admin"
        assert open_access.authenticate(None, change_number=1).subject == LOCAL_SUBJECT
        cached = open_access.cached_principal(f"Bearer {secret}", address=None)
        assert cached is not None
        assert cached.principal.subject == "admin"

    @pytest.mark.parametrize("header", ["Bearer my_wrong", "Bearer ", "", "Basic YTpi"])
    def test_with_open_doors_a_token_that_is_wrong_is_refused(self, open_access: AccessService, header: str) -> None:
        open_access.authenticate(None, change_number=1)
        with pytest.raises(Unauthenticated):
            open_access.authenticate(header, change_number=1)

    def test_with_open_doors_everybody_else_is_the_first_tenants_administrator(
        self, open_access: AccessService
    ) -> None:
        access = open_access
        principal = access.authenticate(None)
        assert (principal.tenant_id, principal.subject, principal.role) == ("default", LOCAL_SUBJECT, Role.ADMIN)
