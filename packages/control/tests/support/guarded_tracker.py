"""A tracking server as the stack starts it, with two tenants, and jobs that are at different points."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from ports import find_free_port
from tracking_servers import serving

from modelyard.access.domain import MemberKind
from modelyard.access.failures import FailedLogins
from modelyard.access.members import Members
from modelyard.access.quotas import Quotas
from modelyard.access.service import AccessService
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.system import SystemClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.home import Home
from modelyard.jobs.domain import Job
from modelyard.jobs.states import JobStatus
from modelyard.jobs.store import JobStore
from modelyard.key_file import kept_key
from modelyard.principals import FIRST_TENANT, Principal, Role
from modelyard.tracking_access.signing import RunToken, TrackingSigner
from modelyard.training.kinds import TRAINING, Phase

Json = dict[str, Any]
API = "/api/2.0/mlflow"
ROOT = Principal(tenant_id=FIRST_TENANT, subject="root", role=Role.ADMIN)


@dataclass
class Tracker:
    """The server, and what its callers show."""

    url: str
    database: Database
    signer: TrackingSigner
    people: dict[str, str] = field(default_factory=dict)
    """Tokens by names."""

    def client(self, token: str | None) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def ask(self, token: str | None, method: str, path: str, **arguments: Any) -> httpx.Response:
        with self.client(token) as client:
            return client.request(method, path, **arguments)

    def platform(self, method: str, path: str, body: Json) -> Json:
        answer = self.ask(self.signer.platform_token(), method, f"{API}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def token_of(self, job_id: str, *, minutes: float = 10) -> str:
        """What the job's run shows."""
        return self.signer.run_token(RunToken(f"{job_id}/1", datetime.now(UTC) + timedelta(minutes=minutes)))

    def put_job(
        self,
        job_id: str,
        *,
        tenant_id: str = FIRST_TENANT,
        model_name: str = "churn",
        status: JobStatus = JobStatus.RUNNING,
        phase: Phase = Phase.TRAINING,
    ) -> str:
        """A job at this point; its run's token."""
        now = datetime.now(UTC)
        job = Job(
            job_id=job_id,
            tenant_id=tenant_id,
            kind=TRAINING,
            status=status,
            phase=phase,
            model_name=model_name,
            request={},
            result={},
            error=None,
            created_by="alice",
            created_at=now,
            started_at=now,
            finished_at=None,
            is_cancel_requested=False,
            experiment_name=None,
        )
        with self.database.write() as connection:
            JobStore({TRAINING.name: TRAINING}).add(connection, job, idempotency_key=None, digest="")
        return self.token_of(job_id)


SERVICE = "modelyard-mlflow.platform.svc"
"""A name that the operator has allowed."""


@pytest.fixture(scope="module")
def tracker() -> Iterator[Tracker]:
    """Shared by the tests of a file: they use jobs and experiments of their own."""
    with tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / "home")
        home.make()
        database = Database(f"sqlite:///{home.database_file}")
        database.migrate()
        port = find_free_port()
        settings = {
            "MODELYARD_HOME": str(home.root),
            "MODELYARD_MLFLOW_PORT": str(port),
            "MODELYARD_ALLOWED_HOSTS": SERVICE,
        }
        found = Tracker(f"http://127.0.0.1:{port}", database, TrackingSigner(kept_key(home.tracking_key_file)))
        _invite(found)
        command = [sys.executable, "-P", "-m", "modelyard.local.mlflow_server"]
        with serving(command, home.logs, settings, name="mlflow", health=f"{found.url}/health"):
            yield found
        database.close()


def _invite(tracker: Tracker) -> None:
    """Two tenants; in each a developer and a viewer."""
    clock, database = SystemClock(), tracker.database
    audit = AuditLog(database=database, clock=clock)
    tokens = Tokens(database=database, clock=clock, audit=audit)
    tenants = Tenants(database=database, clock=clock, audit=audit, tokens=tokens)
    members = Members(database=database, clock=clock, audit=audit)
    access = AccessService(
        database=database, clock=clock, tokens=tokens, is_open=False, failures=FailedLogins(clock=clock, most=30)
    )
    tracker.people["operator"] = access.first_token() or ""
    tracker.people["acme admin"] = tenants.create(
        ROOT, tenant_id="acme", name="acme", admin="boss", quotas=Quotas()
    ).secret
    for tenant_id in (FIRST_TENANT, "acme"):
        admin = Principal(tenant_id=tenant_id, subject="admin", role=Role.ADMIN)
        for role in (Role.DEVELOPER, Role.VIEWER):
            members.add(admin, subject=f"{role}-1", kind=MemberKind.PERSON, role=role)
            _, secret = tokens.create(admin, subject=f"{role}-1", name="test")
            tracker.people[f"{tenant_id} {role}"] = secret
