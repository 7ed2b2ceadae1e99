"""Runs as real processes: what becomes of them, whatever they do and whoever dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from modelyard.adapters.runner import LocalRunner
from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.file_tree import FolderTree, MemoryTree
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.ports.files import FileTree
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec

MEBIBYTE = 2**20
GENEROUS = Limits(seconds=60, memory_bytes=2**30, output_bytes=MEBIBYTE, disk_bytes=2**30)

DAEMON = """
import os, time
def daemon(name):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    for descriptor in range(3):
        os.close(descriptor)
    with open(os.path.join(os.environ["HOME"], name), "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)
daemon("daemon")
while not os.path.exists("daemon") or not open("daemon").read():
    time.sleep(0.01)
"""

MakeSpec = Callable[..., "PlacedSpec"]


@dataclass(frozen=True)
class PlacedSpec(RunSpec):
    """A spec, and where the local runner has its run."""

    folder: Path = Path()


@pytest.fixture
def runner(tmp_path: Path) -> LocalRunner:
    return LocalRunner(tmp_path, python=python_of, grace_seconds=1, isolation=NO_ISOLATION)


def python_of(environment: str) -> Path:
    return Path(sys.executable if environment == "here" else environment)


@pytest.fixture
def make_spec(tmp_path: Path, runner: LocalRunner) -> Iterator[MakeSpec]:
    """Specs of scripts in folders of their own, whose runs are ended after the test."""
    made: list[PlacedSpec] = []

    def make(script: str, *, limits: Limits = GENEROUS, environment: dict[str, str] | None = None) -> PlacedSpec:
        key = f"job-{len(made)}/1"
        folder = runner.place(key).path
        made.append(PlacedSpec(key, "here", "train.py", script, environment or {}, limits, folder=folder))
        return made[-1]

    yield make
    for spec in made:
        runner.cancel(spec.run_key)


def ended(runner: LocalRunner, spec: PlacedSpec) -> RunOutcome:
    until(lambda: runner.observe(spec.run_key).phase is not RunPhase.RUNNING)
    return runner.observe(spec.run_key)


def run(runner: LocalRunner, spec: PlacedSpec) -> RunOutcome:
    runner.start(spec)
    return ended(runner, spec)


def log_of(runner: LocalRunner, spec: PlacedSpec) -> str:
    content = b""
    while part := runner.read_log(spec.run_key, len(content)).content:
        content += part
    return content.decode()


def until(fact: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def pids_in(spec: PlacedSpec, *names: str) -> list[int]:
    """Process ids that the script wrote to files, once they are there."""
    files = [spec.folder / "work" / name for name in names]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    return [int(file.read_text()) for file in files]


def supervisor_of(spec: PlacedSpec) -> int:
    until((spec.folder / "started.json").exists)
    return int(json.loads((spec.folder / "started.json").read_text())["pid"])


class TestWhatAScriptSees:
    def test_its_environment_is_what_the_spec_says_and_nothing_else(
        self, runner: LocalRunner, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MODELYARD_SECRET", "secret")
        spec = make_spec("import json, os; print(json.dumps(dict(os.environ)))", environment={"LC_ALL": "C.UTF-8"})
        run(runner, spec)

        assert json.loads(log_of(runner, spec)) == {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(spec.folder / "work"),
            "TMPDIR": str(spec.folder / "tmp"),
            "LC_ALL": "C.UTF-8",
        }

    def test_it_stands_in_a_folder_of_its_own_with_nothing_on_stdin(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        spec = make_spec("import os, sys; print(os.getcwd(), sys.argv, os.listdir(), repr(sys.stdin.read()))")
        run(runner, spec)

        assert log_of(runner, spec) == f"{spec.folder}/work ['train.py'] ['train.py'] ''\n"

    def test_its_text_is_kept_to_the_byte(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("print('größer')\r\nprint('Ωmega')\n")
        run(runner, spec)

        assert (spec.folder / "work" / "train.py").read_bytes().decode() == spec.script_content
        assert log_of(runner, spec) == "größer\nΩmega\n"

    def test_it_leads_a_session_of_its_own_and_steps_back(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("import os; print(os.getsid(0) == os.getpid(), os.nice(0), os.listdir('/proc/self/fd'))")
        run(runner, spec)

        niceness = min(os.nice(0) + 10, 19)
        assert log_of(runner, spec) == f"True {niceness} ['0', '1', '2', '3']\n"  # The fourth is the listing itself.

    @pytest.mark.parametrize("name", ["../train.py", "/tmp/train.py", "a/b.py", "a\\b.py", "..", "", "a\0.py"])
    def test_a_script_name_with_a_folder_is_refused(self, runner: LocalRunner, make_spec: MakeSpec, name: str) -> None:
        spec = replace(make_spec(""), script_name=name)

        with pytest.raises(Invalid) as caught:
            runner.start(spec)

        assert caught.value.code == "script_name_invalid"
        assert not spec.folder.exists()


class TestFilesOfARun:
    def test_links_and_what_lies_behind_them_are_no_files(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec(
            "import os\nos.symlink('/etc/hostname', 'model.onnx')\nos.symlink('/etc', 'features')\nos.mkfifo('pipe')\n"
            "os.mkdir('plain')\nopen('plain/a.py', 'w').write('A = 1')\nos.symlink('/etc/hostname', 'plain/b.py')\n"
        )
        assert run(runner, spec).exit_code == 0
        assert runner.files(spec.run_key, "plain") == ["plain/a.py"]
        assert runner.files(spec.run_key, "features") == []
        for path in ("model.onnx", "features/hostname", "pipe", "plain/b.py"):
            with pytest.raises(NotFound), runner.open_file(spec.run_key, path):
                pass
        with pytest.raises(ValueError, match="A path below a folder"), runner.open_file(spec.run_key, "../log"):
            pass

    def test_inputs_lie_where_their_variable_says(
        self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "MLmodel").write_text("here")
        inputs: dict[str, FileTree] = {"NEAR": FolderTree(tmp_path / "model"), "FAR": MemoryTree({"a/b": b"there"})}
        script = "import os\nfor path in ('NEAR/MLmodel', 'FAR/a/b'):\n    name, _, rest = path.partition('/')\n"
        script += "    print(open(os.environ[name] + '/' + rest).read())"
        spec = replace(make_spec(script), inputs=inputs)
        run(runner, spec)
        assert log_of(runner, spec) == "here\nthere\n"

    def test_what_a_transient_run_left_is_removed_a_day_later(
        self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        for name, age in (("trial-old", 2 * 86_400), ("trial-young", 60), ("job-old", 2 * 86_400)):
            (tmp_path / name).mkdir()
            os.utime(tmp_path / name, (time.time() - age, time.time() - age))
        spec = replace(make_spec("print()"), run_key="trial-mine/1", is_transient=True)
        runner.start(spec)
        until(lambda: runner.observe(spec.run_key).phase is RunPhase.FINISHED)
        assert [(tmp_path / name).exists() for name in ("trial-old", "trial-young", "job-old")] == [False, True, True]


class TestTheScriptsName:
    @pytest.mark.parametrize("name", ["random.py", "json.py", "psutil.py"])
    def test_a_script_that_is_called_as_a_library_does_not_shadow_it(
        self, runner: LocalRunner, make_spec: MakeSpec, name: str
    ) -> None:
        module = name.removesuffix(".py")
        script = (
            f"import {module}, pathlib, tempfile\n"
            f"assert pathlib.Path({module}.__file__) != pathlib.Path(__file__), {module}.__file__\n"
            "print(__name__)\n"
        )
        spec = replace(make_spec(script), script_name=name)

        assert run(runner, spec) == RunOutcome(RunPhase.FINISHED, 0)
        assert log_of(runner, spec) == "__main__\n"

    def test_a_name_that_begins_as_an_option_is_a_script(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = replace(make_spec("import sys; print(sys.argv)"), script_name="-m.py", arguments=("--epochs", "3"))
        run(runner, spec)

        assert log_of(runner, spec) == "['-m.py', '--epochs', '3']\n"

    def test_the_script_is_the_main_module_as_when_python_runs_it(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        script = (
            "import pathlib, pickle, sys, threading, time\n"
            "class Ratio: pass\n"
            "assert type(pickle.loads(pickle.dumps(Ratio()))) is Ratio and __spec__ is None\n"
            "assert sys.modules['__main__'].Ratio is Ratio\n"
            "assert pathlib.Path(__file__) == pathlib.Path.cwd() / 'train.py'\n"
            "threading.Thread(target=lambda: (time.sleep(0.2), print(Ratio.__name__))).start()\n"
        )
        spec = make_spec(script)

        assert run(runner, spec).exit_code == 0
        assert log_of(runner, spec) == "Ratio\n"

    def test_a_traceback_begins_in_the_script(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("def f():\n    raise KeyError('age')\nf()")
        run(runner, spec)

        first, second = log_of(runner, spec).splitlines()[:2]
        assert (first, second.rsplit("work/", 1)[1]) == (
            "Traceback (most recent call last):",
            'train.py", line 3, in <module>',
        )


class TestAProject:
    def test_its_files_are_there_and_modules_beside_the_script_are_imported(
        self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        project = tmp_path / "project"
        (project / "src" / "features").mkdir(parents=True)
        (project / "src" / "train.py").write_text(
            "import features.ratio, helper, os\nprint(features.ratio.VALUE, helper.VALUE, os.path.exists('rows.csv'))"
        )
        (project / "src" / "features" / "ratio.py").write_text("VALUE = 1")
        (project / "src" / "helper.py").write_text("VALUE = 2")
        (project / "rows.csv").write_text("a\n1\n")
        spec = replace(make_spec(""), script_name="src/train.py", script_content=None, project=FolderTree(project))

        assert run(runner, spec) == RunOutcome(RunPhase.FINISHED, 0)
        assert log_of(runner, spec) == "1 2 True\n"

    @pytest.mark.parametrize("name", ["../train.py", "/tmp/train.py", "src/../../train.py", ""])
    def test_a_script_outside_of_it_is_refused(
        self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path, name: str
    ) -> None:
        spec = replace(make_spec(""), script_name=name, script_content=None, project=FolderTree(tmp_path))

        with pytest.raises(Invalid, match="script_name"):
            runner.start(spec)


class TestSecrets:
    VALUE = "s3cr3t/Value+with ümlaut"

    def test_the_script_has_them_and_no_file_of_the_run_does(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = (
            "import base64, os, sys, time\n"
            "value = os.environ['API_KEY']\n"
            "print('value', value, base64.b64encode(b'user:' + value.encode()).decode())\n"
            "for piece in (value[:9], value[9:]):\n"
            "    sys.stdout.write(piece); sys.stdout.flush(); time.sleep(0.3)\n"
            "raise ValueError(f'cannot log in with {value}')"
        )
        spec = replace(make_spec(script), secrets={"API_KEY": self.VALUE})
        outcome = run(runner, spec)

        assert outcome.reason == "ValueError: cannot log in with ***"
        assert log_of(runner, spec).splitlines()[0].startswith("value *** ")
        written = b"".join(path.read_bytes() for path in spec.folder.rglob("*") if path.is_file())
        assert self.VALUE.encode() not in written
        assert b"ValueError: cannot log in with ***" in written
        assert "s3cr3t" not in repr(spec)

    def test_a_run_that_is_started_again_needs_none(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = replace(make_spec("print('once')"), secrets={"API_KEY": self.VALUE})
        runner.start(spec)
        runner.start(spec)

        assert ended(runner, spec).exit_code == 0


class TestTheTrackingClient:
    CLIENT = "import os\nuri = os.environ.get('MLFLOW_TRACKING_URI')\ndef get_tracking_uri(): return uri\n"

    def outcome(self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path, script: str) -> RunOutcome:
        project = tmp_path / "project"
        project.mkdir()
        (project / "mlflow.py").write_text(self.CLIENT)
        spec = make_spec(script, environment={"MLFLOW_TRACKING_URI": "http://ours"})
        return run(runner, replace(spec, project=FolderTree(project)))

    def test_one_that_points_elsewhere_at_the_end_is_noted(
        self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        script = "import mlflow\nmlflow.uri = 'http://elsewhere'\nraise ValueError"

        assert self.outcome(runner, make_spec, tmp_path, script).tracking_uri == "http://elsewhere"

    def test_one_that_points_where_it_should_is_not(
        self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        assert self.outcome(runner, make_spec, tmp_path, "import mlflow").tracking_uri is None

    def test_a_note_that_is_a_link_is_not_followed(
        self, runner: LocalRunner, make_spec: MakeSpec, tmp_path: Path
    ) -> None:
        (tmp_path / "private").write_text("private")
        script = f"import os; os.symlink({str(tmp_path / 'private')!r}, '../tmp/.tracking-uri')"

        assert run(runner, make_spec(script)) == RunOutcome(RunPhase.FINISHED, 0)


class TestTheLog:
    def test_stdout_and_stderr_come_in_order(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("import sys\nfor n in range(50):\n    print(n, file=(sys.stdout, sys.stderr)[n % 2])")
        run(runner, spec)

        assert log_of(runner, spec).split() == [str(n) for n in range(50)]

    def test_it_can_be_read_while_the_script_runs(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("import time; print('first'); time.sleep(600)")
        runner.start(spec)

        until(lambda: log_of(runner, spec) == "first\n")

    def test_what_passes_the_limit_is_dropped_and_said_so_while_the_run_goes_on(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        script = "import sys\nfor _ in range(5000): sys.stdout.write('x' * 9999 + '\\n')\nopen('done', 'w')"
        spec = make_spec(script, limits=replace(GENEROUS, output_bytes=MEBIBYTE))

        assert run(runner, spec) == RunOutcome(RunPhase.FINISHED, 0, None)
        log = log_of(runner, spec)
        assert log[:MEBIBYTE].strip("x\n") == ""
        assert log[MEBIBYTE:] == "\n[The log is full at 1 MiB: what comes after this is dropped.]\n"
        assert (spec.folder / "work" / "done").exists()

    def test_the_reason_is_found_when_the_log_is_full(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("print('x' * 5000)\nraise KeyError('late')", limits=replace(GENEROUS, output_bytes=100))

        assert run(runner, spec).reason == "KeyError: 'late'"

    def test_a_script_that_closes_its_output_is_waited_for(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("import os, time; os.close(1); os.close(2); time.sleep(1.5); os._exit(7)")
        runner.start(spec)
        supervisor = psutil.Process(supervisor_of(spec))
        spent = 0.0
        while runner.observe(spec.run_key).phase is RunPhase.RUNNING:
            with suppress(psutil.NoSuchProcess):
                spent = sum(supervisor.cpu_times()[:2])
            time.sleep(0.05)

        assert runner.observe(spec.run_key).exit_code == 7
        assert spent < 0.8

    def test_what_a_child_writes_after_the_end_of_the_script_is_not_waited_for(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        spec = make_spec("import subprocess; subprocess.Popen(['sleep', '600']); print('done')")
        started = time.monotonic()

        assert run(runner, spec).exit_code == 0
        assert time.monotonic() - started < 10


class TestReasons:
    @pytest.mark.parametrize(
        ("script", "exit_code", "reason"),
        [
            ("raise ValueError('no such column: age')", 1, "ValueError: no such column: age"),
            ("import no_such_module", 1, "ModuleNotFoundError: No module named 'no_such_module'"),
            ("print(", 1, "SyntaxError: '(' was never closed"),
            ("try: 1/0\nexcept Exception as e: raise RuntimeError('a\\nb') from e", 1, "RuntimeError: a"),
            (
                "import sys; sys.exit('no data')",
                1,
                "The script ended with exit code 1; its last line of output is: no data",
            ),
            ("import sys; sys.exit(3)", 3, "The script ended with exit code 3 and wrote nothing"),
            ("import os; os.kill(os.getpid(), 11)", -11, "The script was killed by signal 11 (SIGSEGV)."),
            ("import sys; sys.exit(0)", 0, None),
        ],
    )
    def test_how_a_script_ends_is_reported(
        self, runner: LocalRunner, make_spec: MakeSpec, script: str, exit_code: int, reason: str | None
    ) -> None:
        assert run(runner, make_spec(script)) == RunOutcome(RunPhase.FINISHED, exit_code, reason)

    def test_a_python_that_is_not_there_is_reported(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = replace(make_spec("print()"), python_environment="/no/such/python")

        outcome = run(runner, spec)

        assert outcome.exit_code == 127
        assert outcome.reason == "The environment's Python does not start: No such file or directory."


class TestLimits:
    def test_a_run_that_takes_too_long_is_ended(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("import time; time.sleep(600)", limits=replace(GENEROUS, seconds=0.5))

        outcome = run(runner, spec)

        assert outcome == RunOutcome(RunPhase.FINISHED, -15, "The script ran longer than its limit of 0.5 seconds.")

    def test_a_script_that_does_not_listen_is_killed(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf')\ntime.sleep(600)"
        spec = make_spec(script, limits=replace(GENEROUS, seconds=1))

        outcome = run(runner, spec)

        assert log_of(runner, spec) == "deaf\n"
        assert outcome == RunOutcome(RunPhase.FINISHED, -9, "The script ran longer than its limit of 1 seconds.")

    def test_a_script_that_is_asked_to_end_can_clean_up(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = (
            "import signal, sys, time\n"
            "def leave(*_): print('cleaned up'); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, leave); print('ready')\n"
            "time.sleep(600)"
        )
        spec = make_spec(script)
        runner.start(spec)
        until(lambda: log_of(runner, spec) == "ready\n")

        runner.cancel(spec.run_key)

        assert log_of(runner, spec) == "ready\ncleaned up\n"
        assert runner.observe(spec.run_key) == RunOutcome(RunPhase.FINISHED, -15, "The run was cancelled.")

    def test_memory_of_all_processes_together_is_limited(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = (
            "import os, time\n"
            "for _ in range(3):\n"
            "    if os.fork() == 0: break\n"
            "hog = bytearray(100 * 2**20)\n"
            "time.sleep(600)"
        )
        spec = make_spec(script, limits=replace(GENEROUS, memory_bytes=300 * MEBIBYTE))

        outcome = run(runner, spec)

        assert outcome.exit_code == -9
        assert outcome.reason == "The script used more memory than its limit of 300 MiB."

    def test_a_file_that_grows_too_large_ends_a_script(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = "with open('big', 'wb') as file:\n    while True: file.write(bytes(2**20))"
        spec = make_spec(script, limits=replace(GENEROUS, disk_bytes=5 * MEBIBYTE))

        assert run(runner, spec).reason == "OSError: [Errno 27] File too large"
        assert (spec.folder / "work" / "big").stat().st_size <= 5 * MEBIBYTE

    def test_a_program_that_the_system_stops_for_a_large_file_is_reported(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        script = "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('big', 'wb').write(bytes(2**21))"
        spec = make_spec(script, limits=replace(GENEROUS, disk_bytes=MEBIBYTE))

        assert run(runner, spec).reason == "The script wrote a file that is larger than its limit of 1 MiB."


class TestNoOrphans:
    def test_children_and_daemons_end_with_the_script(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = (
            DAEMON + "import subprocess; p = subprocess.Popen(['sleep', '600'])\nopen('child', 'w').write(str(p.pid))"
        )
        spec = make_spec(script)

        assert run(runner, spec).exit_code == 0
        assert not any(map(is_alive, pids_in(spec, "daemon", "child")))

    def test_children_and_daemons_end_when_the_run_is_cancelled(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec(DAEMON + "time.sleep(600)")
        runner.start(spec)
        daemon = pids_in(spec, "daemon")

        runner.cancel(spec.run_key)

        assert not any(map(is_alive, daemon))

    def test_processes_that_go_on_forking_are_all_ended(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = (
            "import os, time\n"
            "end = time.monotonic() + 20\n"
            "if os.fork():\n"
            "    time.sleep(600)\n"
            "for _ in range(4):\n"
            "    os.fork()\n"
            "while time.monotonic() < end:\n"  # Each of these is gone at once, and its child goes on.
            "    if os.fork(): os._exit(0)\n"
            "    os.setsid()\n"
        )
        spec = make_spec(script)
        runner.start(spec)
        supervisor = psutil.Process(supervisor_of(spec))
        until(lambda: len(supervisor.children(recursive=True)) > 2)
        seen = supervisor.children(recursive=True)

        runner.cancel(spec.run_key)

        marked = [p for p in psutil.process_iter() if str(spec.folder) in " ".join(readable_environment(p))]
        assert marked == []
        assert not any(is_alive(process.pid) for process in seen)

    def test_more_processes_than_allowed_end_the_run(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        script = "import os, time\nfor _ in range(1100):\n    if os.fork() == 0: time.sleep(600)\ntime.sleep(600)"
        spec = make_spec(script, limits=replace(GENEROUS, memory_bytes=2**40))

        assert run(runner, spec).reason == "The script started more than 1000 processes at once."


class TestDeaths:
    def test_the_script_dies_with_a_supervisor_that_is_killed_and_the_run_is_lost(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        spec = make_spec("import os, time; open('script', 'w').write(str(os.getpid())); time.sleep(600)")
        runner.start(spec)
        (script,) = pids_in(spec, "script")

        os.kill(supervisor_of(spec), signal.SIGKILL)

        until(lambda: not is_alive(script))
        until(lambda: runner.observe(spec.run_key) == RunOutcome(RunPhase.LOST))

    def test_cancelling_a_lost_run_ends_what_it_left(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec(DAEMON + "time.sleep(600)")
        runner.start(spec)
        (daemon,) = pids_in(spec, "daemon")
        os.kill(supervisor_of(spec), signal.SIGKILL)
        until(lambda: runner.observe(spec.run_key).phase is RunPhase.LOST)
        assert is_alive(daemon)

        runner.cancel(spec.run_key)

        assert not is_alive(daemon)

    def test_a_supervisor_that_is_asked_to_end_leaves_no_process(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        spec = make_spec(DAEMON + "time.sleep(600)")
        runner.start(spec)
        (daemon,) = pids_in(spec, "daemon")

        os.kill(supervisor_of(spec), signal.SIGTERM)

        until(lambda: runner.observe(spec.run_key).phase is RunPhase.LOST)
        assert not is_alive(daemon)

    def test_a_lost_run_is_not_started_again(self, runner: LocalRunner, make_spec: MakeSpec) -> None:
        spec = make_spec("print('once'); import time; time.sleep(600)")
        runner.start(spec)
        os.kill(supervisor_of(spec), signal.SIGKILL)
        until(lambda: runner.observe(spec.run_key).phase is RunPhase.LOST)

        runner.start(spec)

        assert runner.observe(spec.run_key) == RunOutcome(RunPhase.LOST)

    def test_a_supervisor_that_hangs_is_killed_by_cancel(
        self, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.adapters.runner.local._END_SECONDS", 0.2)
        spec = make_spec(DAEMON + "time.sleep(600)")
        runner = LocalRunner(spec.folder.parent.parent, python=python_of, grace_seconds=0.2, isolation=NO_ISOLATION)
        runner.start(spec)
        (daemon,) = pids_in(spec, "daemon")
        os.kill(supervisor_of(spec), signal.SIGSTOP)

        runner.cancel(spec.run_key)

        assert runner.observe(spec.run_key) == RunOutcome(RunPhase.LOST)
        assert not is_alive(daemon)

    def test_a_run_goes_on_when_the_process_that_started_it_is_gone(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        spec = make_spec(
            "import time, pathlib\nwhile not pathlib.Path('end').exists(): time.sleep(0.01)\nprint('went on')"
        )
        starter = subprocess.Popen([sys.executable, "-c", STARTER, *as_arguments(spec)], start_new_session=True)
        try:
            supervisor_of(spec)
        finally:
            starter.kill()
            starter.wait()

        (spec.folder / "work" / "end").touch()

        assert ended(runner, spec).exit_code == 0
        assert log_of(runner, spec) == "went on\n"

    def test_a_starter_that_is_killed_between_any_two_lines_leaves_a_run_that_can_be_started(
        self, runner: LocalRunner, make_spec: MakeSpec
    ) -> None:
        specs = [make_spec("print('once')") for _ in range(150)]
        done = subprocess.run([sys.executable, "-c", STARTER, *as_arguments(*specs)], capture_output=True, check=True)
        deaths = int(done.stdout)

        def start_again(spec: PlacedSpec) -> None:
            runner.start(spec)
            assert ended(runner, spec) == RunOutcome(RunPhase.FINISHED, 0, None), spec.run_key
            assert log_of(runner, spec) == "once\n", spec.run_key

        different = {left_by(spec): spec for spec in specs[: deaths + 1]}
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(start_again, different.values()))
        assert 20 < deaths < len(specs)
        assert len(different) > 20

    def test_a_machine_that_starts_no_process_makes_the_runner_unavailable(
        self, runner: LocalRunner, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spec = make_spec("print('later')")
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/no/such/python")
            with pytest.raises(Unavailable):
                runner.start(spec)
        assert runner.observe(spec.run_key).phase is RunPhase.UNKNOWN

        assert run(runner, spec).exit_code == 0


def left_by(spec: PlacedSpec) -> object:
    """What a starter left behind: files, or a process as well, which no two have in common."""
    if (spec.folder / "supervisor.log").exists():
        return spec.run_key
    return frozenset((path.relative_to(spec.folder), path.stat().st_size) for path in spec.folder.rglob("*"))


def readable_environment(process: psutil.Process) -> list[str]:
    try:
        return list(process.environ().values())
    except psutil.Error:
        return []


def as_arguments(*specs: PlacedSpec) -> list[str]:
    return [str(specs[0].folder.parent.parent), specs[0].script_content or "", *(spec.run_key for spec in specs)]


STARTER = """
import os, signal, sys, time
from pathlib import Path
from modelyard.adapters.runner import LocalRunner
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.ports.runner import Limits, RunSpec

folder, script, keys = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
limits = Limits(seconds=60, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)

def start(key, die_at):
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if "adapters/runner" not in frame.f_code.co_filename and "file_lock" not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines += 1
            if lines == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    runner = LocalRunner(folder, python=lambda _: Path(sys.executable), isolation=NO_ISOLATION)
    runner.start(RunSpec(key, "here", "train.py", script, {}, limits))
    sys.settrace(None)

if len(keys) == 1:
    start(keys[0], 0)
    time.sleep(600)
for deaths, key in enumerate(keys):  # The first dies at the first line, and so on until one is through.
    child = os.fork()
    if not child:
        start(key, deaths + 1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        break
print(deaths)
"""
