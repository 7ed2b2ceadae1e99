"""The two verbs. A backup is taken while everything runs; a restore wants a home where nothing runs.

In it are our rows, the local stack's own MLflow (database and artifacts), the logs of jobs, what uploads have
received, the first token, and the keys of webhooks and of secrets. Not in
it is what is made again: bundles, environments, locks of requirements, servers, checkpoints of jobs (an unfinished job
begins anew; nothing that it made is made twice).
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from modelyard import __version__
from modelyard.audit.service import AuditLog
from modelyard.backup.archive import Contents, Facts, packing, unpack
from modelyard.backup.rows import dump, load
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid
from modelyard.home import Home
from modelyard.ports.clock import Clock
from modelyard.principals import Principal, Role
from modelyard.scratch import Scratch
from modelyard.storage import StorageSettings

_ROWS, _TRACKER, _JOBS, _UPLOADS = "rows", "mlflow", "jobs", "uploads"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back."""

    contents: Contents
    rows: dict[str, int]
    audit_entries: int
    """All of them proven."""


def back_up(storage: StorageSettings, target: Path, *, has_own_tracker: bool) -> tuple[Contents, dict[str, int]]:
    """Write a backup to `target`; what is in it, and the rows of each table. The tracker is in it if it is our own.

    Our rows are read first, as of one moment: whatever they point at is in what is copied after them.

    Raises:
        Conflict: code `file_exists`, or `schema_outdated` when the database was not brought up to date.
        Unavailable: the database does not answer.
    """
    home = storage.places
    database = Database(storage.database)
    try:
        revision = database.revision()
        if revision is None or revision != database.newest_revision():
            raise Conflict("the database is not of this release's schema: start it once", code="schema_outdated")
        has_tracker = has_own_tracker and (home.mlflow / "mlflow.db").exists()
        with _working_in(home) as scratch, packing(target) as packer:
            counts = dump(database, scratch)
            packer.add_below(scratch, _ROWS)
            if has_tracker:
                _copy_sqlite(home.mlflow / "mlflow.db", scratch / "mlflow.db")
                packer.add(scratch / "mlflow.db", f"{_TRACKER}/mlflow.db")
                packer.add_below(home.mlflow / "artifacts", f"{_TRACKER}/artifacts")
            packer.add_below(home.jobs, _JOBS, "*.log")
            packer.add_below(home.uploads, _UPLOADS, "file")
            for file in (home.token_file, home.webhook_key_file, home.secrets_key_file):
                packer.add(file, file.name)
            facts = Facts(__version__, revision, datetime.now(UTC).isoformat(timespec="seconds"), has_tracker)
            return packer.finish(facts), counts
    finally:
        database.close()


def restore(storage: StorageSettings, source: Path, *, clock: Clock, is_forced: bool) -> Restored:
    """Put a backup back: first all of it is unpacked and checked, then it takes its place.

    Raises:
        Invalid: code `backup_damaged`, `backup_too_new`, or `audit_broken` when the log in it does not prove itself.
        Conflict: code `home_not_empty`, `database_not_empty` or `database_in_use`.
        DiskFull: there is no space for it.
    """
    home = storage.places
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(storage.database)
    try:
        with _working_in(home) as staged:
            contents = unpack(source, staged, disk=storage.disk)
            if not database.knows(contents.facts.revision):
                raise Invalid(
                    f"{source} was made by Modelyard {contents.facts.made_by}, which is later than {__version__}",
                    code="backup_too_new",
                )
            _refuse_full_home(home, is_forced=is_forced)
            home.make()
            counts = load(database, staged / _ROWS, revision=contents.facts.revision, is_forced=is_forced)
            proven = _prove(database, clock)
            _put_in_place(home, staged)
        return Restored(contents, counts, proven)
    finally:
        database.close()


@contextmanager
def _working_in(home: Home) -> Iterator[Path]:
    """A folder of the home, of which nothing is left. One that was killed here before is cleaned up after."""
    with closing(Scratch(home.scratch)) as scratch:
        scratch.sweep()
        yield scratch.folder


def _refuse_full_home(home: Home, *, is_forced: bool) -> None:
    there = [place for place in (home.mlflow / "mlflow.db", home.token_file) if place.exists()]
    if there and not is_forced:
        raise Conflict(f"{there[0]} is there already: --force puts the backup in its place", code="home_not_empty")


def _put_in_place(home: Home, staged: Path) -> None:
    if (staged / _TRACKER).exists():
        shutil.rmtree(home.mlflow, ignore_errors=True)
        (staged / _TRACKER).rename(home.mlflow)
    for place in (home.jobs, home.uploads, home.bundles):
        shutil.rmtree(place, ignore_errors=True)
    for checkpoints in home.root.glob(f"{home.jobs_database_file.name}*"):
        checkpoints.unlink()
    for name, place in ((_JOBS, home.jobs), (_UPLOADS, home.uploads)):
        if (staged / name).exists():
            (staged / name).rename(place)
    for kept in (home.token_file, home.webhook_key_file, home.secrets_key_file):
        if (staged / kept.name).exists():
            os.replace(staged / kept.name, kept)  # noqa: PTH105 - says better than `rename` that it may replace.
    home.make()


def _prove(database: Database, clock: Clock) -> int:
    """Prove every tenant's log, as it stands in the database now; how many entries there are.

    Raises:
        Invalid: code `audit_broken`.
    """
    audit = AuditLog(database=database, clock=clock)
    proven = 0
    for tenant_id in audit.tenants():
        verdict = audit.verify(Principal(tenant_id=tenant_id, subject="modelyard", role=Role.ADMIN))
        if not verdict.is_valid:
            raise Invalid(f"the audit log of tenant '{tenant_id}': {verdict.reason}", code="audit_broken")
        proven += verdict.entries
    return proven


def _copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy while others write."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
