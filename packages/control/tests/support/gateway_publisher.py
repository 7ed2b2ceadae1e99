"""The part of the control plane that nodes of the gateway ask, as a process of its own, so that it can be killed.

`python gateway_publisher.py HOME PORT KEY`: it serves what is published in the home's database.
"""

import sys
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.system import SystemClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.gateway.publishing.counting import Counting
from modelyard.gateway.publishing.refusals import Refusals
from modelyard.gateway.publishing.routes import node_routes
from modelyard.gateway.publishing.service import Publishing
from modelyard.http.app import create_app
from modelyard.trusted_sources import TrustedSources


def publishing_of(home: Path) -> Publishing:
    """What publishes into a home's database."""
    database = Database(f"sqlite:///{home / 'modelyard.db'}")
    return Publishing(database=database, clock=SystemClock())


def application(home: Path, key: str) -> FastAPI:
    """The routes of nodes, behind access as everywhere."""
    database, clock = Database(f"sqlite:///{home / 'modelyard.db'}"), SystemClock()
    counting = Counting(database=database, clock=clock)
    audit = AuditLog(database=database, clock=clock)
    refusals = Refusals(database=database, clock=clock, audit=audit)
    tokens = Tokens(database=database, clock=clock, audit=audit)
    failures = FailedLogins(clock=clock, most=100)
    access = AccessService(
        database=database, clock=clock, tokens=tokens, is_open=False, failures=failures, gateway_key=key
    )
    return create_app(
        access=access,
        database=database,
        sources=TrustedSources(listens_on="127.0.0.1"),
        routers=[node_routes(publishing_of(home), refusals, counting, is_stopping=threading.Event().is_set)],
        is_ready=lambda: True,
        disk_full_reason=lambda: None,
    )


if __name__ == "__main__":
    uvicorn.run(application(Path(sys.argv[1]), sys.argv[3]), port=int(sys.argv[2]), log_level="warning")
