"""The order in which transactions take their locks: a model's row, the lock of runs, the chain."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from modelyard.audit.service import lock_chain
from modelyard.db import Database
from modelyard.deletion.claims import lock_for_deletion
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role

ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)


def wait_for_somebody_who_waits(database: Database) -> None:
    until = time.monotonic() + 20
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")
    while time.monotonic() < until:
        with database.read() as connection:
            if connection.execute(waiting).scalar():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


class TestLocks:
    def test_a_model_that_begins_during_a_deletion_waits_for_the_lock_and_holds_nothing_behind_it(
        self, postgres_control_plane: ControlPlane, log_model: Callable[..., LoggedModel]
    ) -> None:
        control_plane = postgres_control_plane
        database, logged = control_plane.database, log_model()
        with ThreadPoolExecutor(1) as pool:
            with database.write() as deleting:
                lock_for_deletion(deleting)
                begun = pool.submit(control_plane.registry.register, ADMIN, model_name="iris", logged=logged)
                wait_for_somebody_who_waits(database)
                deleting.execute(text("SET LOCAL lock_timeout = '5s'"))
                lock_chain(deleting, ADMIN.tenant_id)
            assert begun.result(timeout=20).version == 1
