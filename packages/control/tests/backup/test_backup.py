"""What is backed up comes back as it was, on either database; what is damaged, or in the way, is refused."""

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from reconciling import reconcile
from waiting import Until

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.target.fake import FakeTarget
from modelyard.backup.rows import dump
from modelyard.backup.service import back_up, restore
from modelyard.db import Database
from modelyard.deployments.states import DeploymentStatus
from modelyard.disk import Disk, Space
from modelyard.errors import Conflict, DiskFull, Invalid, Unavailable
from modelyard.main import Adapters, ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.states import Stage
from modelyard.schema import metadata
from modelyard.settings import Settings
from modelyard.storage import StorageSettings

ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)
PETRA = Principal(tenant_id="default", subject="petra", role=Role.APPROVER)
LogModel = Callable[..., LoggedModel]
ODD_NAME = '50% "it\'s" a%2Fb größe 🦉?#'


@pytest.fixture
def yard(sqlite_control_plane: ControlPlane, log_model: LogModel) -> ControlPlane:
    """A home with a version in production, one in staging, a tracker and a job's log."""
    fill(sqlite_control_plane, log_model)
    return sqlite_control_plane


def fill(yard: ControlPlane, log_model: LogModel) -> None:
    home = yard._settings.storage.places
    home.token_file.write_text(yard.access.first_token() or "")
    for _ in range(2):
        version = yard.registry.register(ADMIN, model_name="iris", logged=log_model(), tags={"team": "risk — é"})
        yard.promotion.change_stage(ADMIN, version, Stage.STAGING, comment="good", revision=None)
    yard.registry.register(ADMIN, model_name=ODD_NAME, logged=log_model())
    staged = yard.registry.version(ADMIN, "iris", 1)
    request = yard.promotion.request(ADMIN, staged, comment="please")
    yard.promotion.approve(PETRA, "iris", request.request_id, comment="yes", revision=None)
    with closing(sqlite3.connect(home.mlflow / "mlflow.db")) as tracker:
        tracker.execute("CREATE TABLE runs (id TEXT)")
        tracker.execute("INSERT INTO runs VALUES ('run-1')")
        tracker.commit()
    model = home.mlflow / "artifacts" / "models" / "m-1" / "model.pkl"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"never unpickled here")
    (home.jobs / "job-1").mkdir(parents=True)
    (home.jobs / "job-1" / "before.log").write_text("queued\n")
    (home.uploads / "up-1").mkdir()
    (home.uploads / "up-1" / "file").write_bytes(b"half of it")


def rows_of(database: Database, folder: Path) -> dict[str, list[Any]]:
    """All that a database holds, but how often it was written; PostgreSQL sorts the keys of JSON in its own way."""
    folder.mkdir()
    dump(database, folder)
    files = sorted(set(folder.iterdir()) - {folder / "changes.jsonl"})
    return {path.name: [json.loads(line) for line in path.read_text().splitlines()] for path in files}


def settings_of(yard: ControlPlane) -> StorageSettings:
    return yard._settings.storage


@pytest.fixture
def empty_postgres(postgres_url: str, postgres_database: Database) -> Iterator[str]:
    """The address of the shared PostgreSQL while nobody else is connected to it."""
    postgres_database.close()
    yield postgres_url
    postgres_database.migrate()


class TestRoundTrip:
    def test_a_home_comes_back_as_it_was_and_goes_on(
        self, yard: ControlPlane, adapters: Adapters, log_model: LogModel, clock: ManualClock, tmp_path: Path
    ) -> None:
        file = tmp_path / "backup.tar.gz"
        contents, _ = back_up(settings_of(yard), file, has_own_tracker=True)
        settings = StorageSettings(home=tmp_path / "restored")
        done = restore(settings, file, clock=clock, is_forced=False)
        assert done.contents == contents
        assert file.stat().st_mode & 0o777 == 0o600
        again = ControlPlane(Settings(storage=settings), adapters)
        before, after = rows_of(yard.database, tmp_path / "before"), rows_of(again.database, tmp_path / "after")
        assert after == before
        assert set(done.rows) == {table.name for table in metadata.sorted_tables}
        assert done.audit_entries == len(again.audit.entries("default"))
        home = settings.places
        with closing(sqlite3.connect(home.mlflow / "mlflow.db")) as tracker:
            assert tracker.execute("SELECT id FROM runs").fetchall() == [("run-1",)]
        assert (home.mlflow / "artifacts/models/m-1/model.pkl").read_bytes() == b"never unpickled here"
        assert (home.jobs / "job-1" / "before.log").read_text() == "queued\n"
        assert (home.uploads / "up-1" / "file").read_bytes() == b"half of it"
        assert again.access.authenticate(f"Bearer {home.token_file.read_text()}").subject == "admin"
        assert again.registry.register(ADMIN, model_name="iris", logged=log_model()).version == 3
        assert again.registry.register(ADMIN, model_name=ODD_NAME, logged=log_model()).version == 2
        again.database.close()

    def test_what_was_deployed_serves_again_though_no_bundle_was_in_the_backup(
        self, yard: ControlPlane, adapters: Adapters, clock: ManualClock, until: Until, tmp_path: Path
    ) -> None:
        version = yard.registry.version(ADMIN, "iris", 1)
        built = yard.packaging.build(version, log=lambda _: None)
        made = yard.deployments.create(ADMIN, version, replicas=1, namespace="default", job_id="job-1")
        for _ in range(3):
            reconcile(yard.deployment_parts.reconcilers[0], yard.deployments.get(ADMIN, made.deployment_id))
        assert yard.deployments.get(ADMIN, made.deployment_id).status is DeploymentStatus.READY
        back_up(settings_of(yard), tmp_path / "backup.tar.gz", has_own_tracker=True)
        settings = StorageSettings(home=tmp_path / "restored")
        restore(settings, tmp_path / "backup.tar.gz", clock=clock, is_forced=False)

        target = FakeTarget(has_artifact=lambda _: again.packaging.ready(version) is not None)
        again = ControlPlane(Settings(storage=settings), replace(adapters, targets={"fake": target}))
        look = partial(again.deployments.get, ADMIN, made.deployment_id)
        with pytest.raises(Unavailable, match="is being built again"):
            reconcile(again.deployment_parts.reconcilers[0], look())
        assert look().status is DeploymentStatus.DEGRADED
        until(lambda: again.packaging.ready(version))
        for _ in range(3):
            reconcile(again.deployment_parts.reconcilers[0], look())
        assert (look().status, look().reason) == (DeploymentStatus.READY, None)
        found = again.packaging.bundle(version)
        assert (found.path.exists(), found.path == built.path) == (True, False)
        assert found.manifest_digest == built.manifest_digest
        again.deployment_parts.reconcilers[0].stop()
        again.database.close()

    def test_a_laptop_moves_to_postgresql_and_back(
        self,
        yard: ControlPlane,
        adapters: Adapters,
        log_model: LogModel,
        clock: ManualClock,
        tmp_path: Path,
        empty_postgres: str,
    ) -> None:
        there, back = tmp_path / "there.tar.gz", tmp_path / "back.tar.gz"
        before = rows_of(yard.database, tmp_path / "before")
        back_up(settings_of(yard), there, has_own_tracker=True)
        moved = StorageSettings(home=tmp_path / "moved", database_url=empty_postgres)
        restore(moved, there, clock=clock, is_forced=False)
        back_up(moved, back, has_own_tracker=True)
        home = StorageSettings(home=tmp_path / "home-again")
        restore(home, back, clock=clock, is_forced=False)
        for settings in (moved, home):
            again = ControlPlane(Settings(storage=settings), adapters)
            assert rows_of(again.database, tmp_path / f"of-{settings.places.root.name}") == before
            assert again.registry.register(ADMIN, model_name="iris", logged=log_model()).version == 3
            again.database.close()

    def test_one_taken_while_others_write_is_of_one_moment(
        self, yard: ControlPlane, log_model: LogModel, clock: ManualClock, tmp_path: Path
    ) -> None:
        file, logged, is_over = tmp_path / "backup.tar.gz", log_model(), threading.Event()

        def write() -> None:
            while not is_over.is_set():
                yard.registry.register(ADMIN, model_name="busy", logged=logged)

        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        back_up(settings_of(yard), file, has_own_tracker=True)
        is_over.set()
        for writer in writers:
            writer.join()
        settings = StorageSettings(home=tmp_path / "restored")
        done = restore(settings, file, clock=clock, is_forced=False)
        database = Database(settings.database)
        with database.read() as connection:
            violations = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        database.close()
        assert violations == []
        assert done.rows["audit_entries"] == done.audit_entries


class TestRefusals:
    @pytest.fixture
    def file(self, yard: ControlPlane, tmp_path: Path) -> Path:
        file = tmp_path / "backup.tar.gz"
        back_up(settings_of(yard), file, has_own_tracker=True)
        return file

    def test_a_backup_overwrites_nothing(self, yard: ControlPlane, file: Path) -> None:
        content = file.read_bytes()
        with pytest.raises(Conflict) as caught:
            back_up(settings_of(yard), file, has_own_tracker=True)
        assert (caught.value.code, file.read_bytes()) == ("file_exists", content)

    def test_a_backup_that_breaks_off_leaves_no_file(self, yard: ControlPlane, tmp_path: Path) -> None:
        shutil.rmtree(settings_of(yard).places.mlflow / "artifacts")
        (settings_of(yard).places.mlflow / "mlflow.db").write_bytes(b"not a database" * 100)
        with pytest.raises(sqlite3.DatabaseError):
            back_up(settings_of(yard), tmp_path / "broken.tar.gz", has_own_tracker=True)
        assert not [path for path in tmp_path.iterdir() if "broken" in path.name]

    def test_a_home_with_something_in_it_is_kept_unless_that_is_forced(
        self, yard: ControlPlane, file: Path, clock: ManualClock, log_model: LogModel, tmp_path: Path
    ) -> None:
        settings = settings_of(yard)
        before = rows_of(yard.database, tmp_path / "before")
        yard.registry.register(ADMIN, model_name="iris", logged=log_model())
        with pytest.raises(Conflict) as caught:
            restore(settings, file, clock=clock, is_forced=False)
        assert caught.value.code == "home_not_empty"
        assert len(yard.registry.versions(ADMIN, "iris")) == 3
        yard.database.close()
        restore(settings, file, clock=clock, is_forced=True)
        assert rows_of(yard.database, tmp_path / "after") == before

    def test_a_database_that_others_use_is_refused(
        self, file: Path, clock: ManualClock, tmp_path: Path, empty_postgres: str
    ) -> None:
        other = Database(empty_postgres)
        settings = StorageSettings(home=tmp_path / "moved", database_url=empty_postgres)
        with other.read(), pytest.raises(Conflict) as caught:
            restore(settings, file, clock=clock, is_forced=True)
        other.close()
        assert caught.value.code == "database_in_use"

    @pytest.mark.parametrize("damage", ["cut", "changed", "swapped", "empty"])
    def test_a_damaged_one_changes_nothing(self, file: Path, clock: ManualClock, tmp_path: Path, damage: str) -> None:
        content = file.read_bytes()
        whole = gzip.decompress(content)
        damaged = {
            "cut": content[: len(content) // 2],
            "changed": content[:1000] + bytes([content[1000] ^ 1]) + content[1001:],
            "swapped": gzip.compress(whole.replace(b"never unpickled here", b"always unpickled her")),
            "empty": b"",
        }[damage]
        file.write_bytes(damaged)
        settings = StorageSettings(home=tmp_path / "restored")
        with pytest.raises(Invalid) as caught:
            restore(settings, file, clock=clock, is_forced=False)
        assert caught.value.code == "backup_damaged"
        assert list(settings.places.root.rglob("*")) == [settings.places.scratch]

    def test_a_log_that_does_not_prove_itself_is_reported(
        self, yard: ControlPlane, clock: ManualClock, tmp_path: Path
    ) -> None:
        with yard.database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER audit_entries_no_update")
            connection.exec_driver_sql("UPDATE audit_entries SET actor = 'nobody' WHERE sequence = 3")
        file = tmp_path / "backup.tar.gz"
        back_up(settings_of(yard), file, has_own_tracker=True)
        with pytest.raises(Invalid, match="audit log of tenant 'default': entry 3"):
            restore(StorageSettings(home=tmp_path / "restored"), file, clock=clock, is_forced=False)


class TestCommands:
    def run(self, *words: object) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name("modelyard")), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_both_say_what_they_did_and_the_same_of_one_file(self, yard: ControlPlane, tmp_path: Path) -> None:
        file = tmp_path / "backup.tar.gz"
        made = self.run("backup", file, "--home", settings_of(yard).places.root)
        assert made.returncode == 0, made.stderr
        restored = self.run("restore", file, "--home", tmp_path / "restored")
        assert (restored.returncode, restored.stdout) == (0, made.stdout)
        again = self.run("restore", file, "--home", tmp_path / "restored")
        assert (again.returncode, "--force" in again.stderr) == (6, True)
        file.write_bytes(b"nothing")
        assert self.run("restore", file, "--home", tmp_path / "third").returncode == 2


class TestAFullDisk:
    def test_a_restore_asks_for_space_and_leaves_nothing(
        self, yard: ControlPlane, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        back_up(settings_of(yard), tmp_path / "backup.tar.gz", has_own_tracker=True)
        settings = StorageSettings(home=tmp_path / "restored")
        full = Disk(tmp_path, floor_bytes=0, reserve_bytes=0, measure=lambda _: Space(free=1, total=10**12))
        monkeypatch.setattr(StorageSettings, "disk", full)
        with pytest.raises(DiskFull, match="disk full: the restored backup needs"):
            restore(settings, tmp_path / "backup.tar.gz", clock=clock, is_forced=False)
        assert not list(settings.places.scratch.iterdir())
