"""A script that wants everything, under each mechanism that this machine has, as root and as somebody who is not."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import modelyard.errors
import modelyard.isolation
from modelyard.adapters.runner import LocalRunner
from modelyard.file_tree import FolderTree
from modelyard.isolation import Confinement, Isolation, IsolationChoice, accounts, choose_isolation, landlock
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec

HOSTILE = Path(__file__).with_name("hostile.py")
LIMITS = Limits(seconds=60, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)
NOBODY = 65534
NO_PORT = 70_000
IS_ROOT = os.geteuid() == 0
WITHOUT_A_VIEW = frozenset({"open the user's files to others"})
WHERE_LANDLOCK_IS_OLD = frozenset(
    {"reach an abstract socket", *(["listen on a port of ours"] if landlock.abi_version() < 4 else [])}
    if landlock.abi_version() < landlock.SCOPES_ABI
    else ()
)
"""What a kernel before 6.12 cannot refuse to a script that has a user of its own."""
SYSTEM_PYTHON = Path("/usr/bin/python3")
AS_NOBODY = """
import os, sys
from pathlib import Path
from modelyard.isolation import Confinement, IsolationChoice, choose_isolation
home, work = Path({home!r}), Path({work!r})
isolation = choose_isolation(IsolationChoice("required"), home=home)
os.chdir(work)
Confinement.of(
    isolation, python=Path(sys.executable), writable=[work, work.parent / "tmp"], readable=[Path({environment!r})]
).enter()
os.environ["TMPDIR"] = str(work.parent / "tmp")
os.execv(sys.executable, [sys.executable, *{arguments!r}])
"""


@dataclass(frozen=True)
class Place:
    """A home with what a hostile script is after."""

    home: Path
    environment: Path
    other_job: Path
    run: Path
    victim: subprocess.Popen[bytes]
    port: int
    abstract: str

    @property
    def arguments(self) -> list[str]:
        return [
            *map(str, (self.home, self.environment, self.other_job)),
            *(str(self.victim.pid), str(self.port), self.abstract),
        ]


@pytest.fixture
def place(free_port: int) -> Iterator[Place]:
    """Everything in it belongs to whoever runs the tests; what the script needs may be read by all."""
    with tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as name:
        home = Path(name) / "home"
        environment, other_job = home / "environments" / "e", home / "jobs" / "job-2" / "run-1" / "work"
        for folder in (home / "bundles", environment / "lib", other_job):
            folder.mkdir(parents=True)
        for file in (home / "token", home / "modelyard.db", home / "bundles" / "model.bin", other_job / "data.csv"):
            file.write_text("secret")
        (Path(name) / "notes.txt").write_text("private")
        (environment / "lib" / "sitecustomize.py").write_text("")
        abstract = f"modelyard-test-{os.getpid()}"
        victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind("\0" + abstract)
            listener.listen()
            run = home / "jobs" / "job-1" / "run-1"
            yield Place(home, environment, other_job, run, victim, free_port, abstract)
        assert victim.poll() is None
        assert (home / "token").read_text() == "secret"
        assert (Path(name) / "notes.txt").stat().st_mode & 0o777 != 0o666
        victim.kill()
        victim.wait()


def isolation_of(name: str, home: Path) -> Isolation:
    """The mechanism as it would be chosen; skips where this machine has not got it."""
    if name == "user" and not IS_ROOT:
        pytest.skip("a user for each run needs root")
    if name != "user" and landlock.abi_version() < landlock.SCOPES_ABI:
        pytest.skip("the kernel's Landlock does not know of signals, which the script would send")
    mechanism = IsolationChoice("user" if name == "user" else "landlock")
    chosen = choose_isolation(mechanism, home=home)
    return replace(chosen, has_private_mounts=False) if name == "landlock without a view" else chosen


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """As the stack's processes have it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def run(place: Place, isolation: Isolation, script: str, *, python: Path = Path(sys.executable)) -> RunOutcome:
    runner = LocalRunner(place.home / "jobs", python=lambda _: python, grace_seconds=1, isolation=isolation)
    spec = RunSpec(
        run_key=LocalRunner.key_of(place.run),
        python_environment="here",
        script_name="train.py",
        script_content=script,
        environment={},
        limits=LIMITS,
        inputs={"MODEL": FolderTree(place.environment)},
    )
    runner.start(spec)
    while (outcome := runner.observe(spec.run_key)).phase is RunPhase.RUNNING:
        time.sleep(0.01)
    return outcome


def hostile(place: Place) -> str:
    """The script with its arguments."""
    return f"import sys\nsys.argv[1:] = {place.arguments!r}\n" + HOSTILE.read_text()


def check(report: dict[str, dict[str, str]], *, tolerated: frozenset[str] = frozenset()) -> None:
    succeeded = {name for name, outcome in report["refused"].items() if outcome == "done"}
    failed = {name: outcome for name, outcome in report["granted"].items() if outcome != "done"}
    assert succeeded <= tolerated | WHERE_LANDLOCK_IS_OLD
    assert failed == {}


class TestAHostileScript:
    @pytest.mark.parametrize("name", ["user", "landlock"])
    def test_it_gets_nothing_but_its_own_and_is_not_kept_from_its_work(self, place: Place, name: str) -> None:
        outcome = run(place, isolation_of(name, place.home), hostile(place))

        log = (place.run / "log").read_text()
        assert outcome == RunOutcome(RunPhase.FINISHED, 0, None), log
        check(json.loads(log))

    def test_without_a_view_of_its_own_it_still_reads_and_writes_nothing_of_ours(self, place: Place) -> None:
        run(place, isolation_of("landlock without a view", place.home), hostile(place))

        check(json.loads((place.run / "log").read_text()), tolerated=WITHOUT_A_VIEW)
        (place.home.parent / "notes.txt").chmod(0o600)

    def test_without_isolation_it_would_have_got_the_token(self, place: Place) -> None:
        run(place, NO_ISOLATION, f"print(open({str(place.home / 'token')!r}).read())")

        assert (place.run / "log").read_text() == "secret\n"

    @pytest.mark.skipif(not IS_ROOT or not SYSTEM_PYTHON.exists(), reason="needs root to become another, and a Python")
    def test_one_who_is_not_root_is_as_safe(self, place: Place) -> None:
        isolation_of("landlock", place.home)
        work = place.run / "work"
        for folder in (work, place.run / "tmp"):
            folder.mkdir(parents=True)
        package = place.home.parent / "package" / "modelyard"
        shutil.copytree(Path(modelyard.isolation.__file__).parent, package / "isolation")
        shutil.copy(modelyard.errors.__file__, package)
        shutil.copy(HOSTILE, place.environment)
        victim = subprocess.Popen([SYSTEM_PYTHON, "-c", "import time; time.sleep(600)"], user=NOBODY, group=NOBODY)
        theirs = replace(place, victim=victim)
        accounts.give(place.home.parent, NOBODY)
        driver = AS_NOBODY.format(
            home=str(place.home),
            work=str(work),
            environment=str(place.environment),
            arguments=[str(place.environment / "hostile.py"), *theirs.arguments],
        )
        try:
            done = subprocess.run(
                [SYSTEM_PYTHON, "-P", "-c", driver],
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                cwd="/",
                env={"PYTHONPATH": str(package.parent)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            check(json.loads(done.stdout), tolerated=WITHOUT_A_VIEW)  # Which some systems give to root only.
            assert victim.poll() is None
        finally:
            victim.kill()
            victim.wait()


class TestTheRun:
    def test_two_runs_have_different_users_and_neither_is_ours(self, place: Place) -> None:
        isolation = isolation_of("user", place.home)
        users = set()
        for number in (1, 2):
            here = replace(place, run=place.home / "jobs" / f"job-{number}" / "run-2")
            run(here, isolation, "import os; print(os.getuid())")
            users.add(int((here.run / "log").read_text()))
        assert len(users) == 2
        assert os.getuid() not in users

    def test_a_refused_file_is_reported_with_the_way_to_open_it(self, place: Place) -> None:
        outcome = run(place, isolation_of("landlock", place.home), f"open({str(place.home.parent / 'notes.txt')!r})")

        assert outcome.reason is not None
        assert outcome.reason.startswith("PermissionError: [Errno 13] Permission denied")
        assert "MODELYARD_RUN_READABLE" in outcome.reason

    def test_what_cannot_be_set_up_keeps_the_script_from_running(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        isolation = isolation_of("landlock", place.home)
        of = Confinement.of
        monkeypatch.setattr(Confinement, "of", lambda *given, **named: of(*given, **named, bind_ports=[NO_PORT]))

        outcome = run(place, isolation, "print('ran')")

        assert outcome.exit_code == 127
        assert outcome.reason == "The isolation 'landlock' cannot be set up, so nothing was run."
        assert (place.run / "log").read_text() == ""
