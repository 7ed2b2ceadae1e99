"""What happens, as server-sent events."""

import json
from collections.abc import Callable
from functools import partial

import anyio
import pytest
from fastapi.testclient import TestClient

from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.domain import Entry
from modelyard.audit.event_stream import event_stream
from modelyard.audit.feed import Feed
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Unavailable
from modelyard.principals import Principal, Role

EVENTS = "/api/v1/events"
ANN = Principal(tenant_id="default", subject="ann", role=Role.ADMIN)
BOB = Principal(tenant_id="others", subject="bob", role=Role.ADMIN)

Write = Callable[..., None]


class CountingLog(AuditLog):
    """Counts how often it is asked for what is new, and can be out of reach."""

    asked = 0
    is_away = False

    def following(self, tenant_id: str, *, after: int, limit: int) -> list[Entry]:
        if self.is_away:
            raise Unavailable("the database does not answer", code="database_unavailable")
        self.asked += 1
        return super().following(tenant_id, after=after, limit=limit)


@pytest.fixture
def audit(sqlite_database: Database) -> CountingLog:
    return CountingLog(database=sqlite_database, clock=ManualClock())


@pytest.fixture
def write(sqlite_database: Database, audit: CountingLog) -> Write:
    def append(caller: Principal, *actions: str) -> None:
        for action in actions:
            with sqlite_database.write() as connection:
                audit.record(connection, principal=caller, action=action, subject="models/m")

    return append


class Reader:
    """A tab: what it has read of a stream so far, as (id, action); the head's action is empty."""

    def __init__(self, feed: Feed, caller: Principal, after: int | None = None, *, lasts: float = 60.0) -> None:
        self._stream = event_stream(feed, caller.tenant_id, after, lasts_seconds=lasts)
        self.seen: list[tuple[int, str]] = []

    async def read(self) -> None:
        async for chunk in self._stream:
            for block in chunk.decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines())
                if "data" in fields:
                    self.seen.append((int(fields["id"]), json.loads(fields["data"]).get("action", "")))

    async def has(self, count: int) -> None:
        deadline = anyio.current_time() + 20
        while len(self.seen) < count and anyio.current_time() < deadline:  # noqa: ASYNC110  # As a reader sees it.
            await anyio.sleep(0.01)
        assert len(self.seen) >= count, self.seen


class TestFeed:
    def test_it_begins_with_what_comes_and_says_where_that_is(self, audit: CountingLog, write: Write) -> None:
        write(ANN, "model.created", "version.registered")

        async def test() -> None:
            reader = Reader(Feed(audit, pause_seconds=0.01), ANN)
            async with anyio.create_task_group() as group:
                group.start_soon(reader.read)
                await reader.has(1)
                await anyio.to_thread.run_sync(partial(write, ANN, "version.staging", "version.production"))
                await anyio.to_thread.run_sync(partial(write, BOB, "model.created"))
                await reader.has(3)
                group.cancel_scope.cancel()
            assert reader.seen == [(2, ""), (3, "version.staging"), (4, "version.production")]

        anyio.run(test)

    @pytest.mark.parametrize("after", [0, 3, 250])
    def test_it_goes_on_after_the_entry_that_was_seen_last(self, audit: CountingLog, write: Write, after: int) -> None:
        write(ANN, *(f"step.{number}" for number in range(1, 451)))

        async def test() -> None:
            reader = Reader(Feed(audit, pause_seconds=0.01), ANN, after)
            async with anyio.create_task_group() as group:
                group.start_soon(reader.read)
                await reader.has(451 - after)
                group.cancel_scope.cancel()
            assert reader.seen == [(after, ""), *((number, f"step.{number}") for number in range(after + 1, 451))]

        anyio.run(test)

    def test_an_entry_of_a_log_that_was_longer_once_is_the_head(self, audit: CountingLog, write: Write) -> None:
        write(ANN, "model.created")

        async def test() -> None:
            reader = Reader(Feed(audit, pause_seconds=0.01), ANN, 900, lasts=0.05)
            with anyio.fail_after(20):
                await reader.read()
            assert reader.seen == [(1, "")]

        anyio.run(test)

    def test_fifty_tabs_cost_what_one_costs_and_leave_nothing_behind(self, audit: CountingLog, write: Write) -> None:
        async def test() -> None:
            feed = Feed(audit, pause_seconds=0.2)
            readers = [Reader(feed, ANN) for _ in range(50)]
            async with anyio.create_task_group() as group:
                for reader in readers:
                    group.start_soon(reader.read)
                for reader in readers:
                    await reader.has(1)
                began, audit.asked = anyio.current_time(), 0
                for number in range(1, 6):
                    await anyio.to_thread.run_sync(partial(write, ANN, f"step.{number}"))
                for reader in readers:
                    await reader.has(6)
                looks = (anyio.current_time() - began) / 0.2
                group.cancel_scope.cancel()
            assert audit.asked <= looks + 2
            assert all(reader.seen == readers[0].seen for reader in readers)
            assert (feed.followers, feed._tails) == (0, {})

        anyio.run(test)

    def test_a_database_that_is_away_ends_the_stream_so_that_the_reader_comes_again(self, audit: CountingLog) -> None:
        audit.is_away = True

        async def test() -> None:
            reader = Reader(Feed(audit, pause_seconds=0.01), ANN)
            with anyio.fail_after(20):
                await reader.read()
            assert reader.seen == [(0, "")]

        anyio.run(test)


class TestHttp:
    def test_without_a_stream_it_says_at_once_what_there_is(self, client: TestClient) -> None:
        last = client.get(EVENTS).json()["last"]
        assert client.get(EVENTS, params={"after": last}).json() == {"changes": [], "last": last}
        assert client.post("/api/v1/access/tokens", json={"name": "n"}).status_code == 201
        answer = client.get(EVENTS, params={"after": last}).json()
        assert answer["last"] == last + 1
        assert [(change["sequence"], change["action"]) for change in answer["changes"]] == [(last + 1, "token.created")]

    def test_a_place_that_is_none_is_refused(self, client: TestClient) -> None:
        refused = client.get(EVENTS, headers={"Last-Event-ID": "soon"})
        assert refused.status_code == 400
        assert refused.json()["code"] == "last_event_id_invalid"
        assert client.get(EVENTS, params={"after": -1}).status_code == 400

    def test_who_may_not_read_the_log_may_not_follow_it(self, client: TestClient) -> None:
        made = client.post("/api/v1/access/tokens", json={"name": "narrow", "scopes": ["models:read"]})
        assert made.status_code == 201, made.text
        narrow = {"Authorization": f"Bearer {made.json()['secret']}"}
        assert client.get(EVENTS, headers=narrow).status_code == 403
