"""The command as a process of its own, as a shell starts it."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from modelyard_standin import TOKEN, StandIn, job

COMMAND = Path(sys.executable).with_name("modelyard")


@pytest.fixture
def environ(standin: StandIn, tmp_path: Path) -> dict[str, str]:
    forced = {"FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "NO_COLOR"}
    kept = {name: value for name, value in os.environ.items() if name not in forced}
    ours = {"MODELYARD_URL": standin.url, "MODELYARD_TOKEN": TOKEN, "MODELYARD_HOME": str(tmp_path / "home")}
    return {**kept, **ours, "TERM": "xterm-256color", "COLUMNS": "100"}


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], env=env, capture_output=True, text=True, check=False)


class TestStart:
    def test_the_help_needs_neither_the_http_library_nor_rich(self) -> None:
        code = (
            "import sys, modelyard_client.cli as cli\n"
            "sys.argv = ['modelyard', '--help']\n"
            "try:\n    cli.main()\n"
            "except SystemExit as ended:\n    assert ended.code == 0\n"
            "print({'httpx', 'rich', 'pydantic', 'pyarrow'} & set(sys.modules))\n"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ended.stdout.splitlines()[-1] == "set()"

    def test_without_a_command_the_help_is_a_usage_error(self, environ: dict[str, str]) -> None:
        assert run(env=environ).returncode == 2

    def test_the_shell_can_complete_commands(self, environ: dict[str, str]) -> None:
        asked = {"_MODELYARD_COMPLETE": "complete_bash", "COMP_WORDS": "modelyard de", "COMP_CWORD": "1"}
        assert run(env=environ | asked).stdout.split() == ["deploy", "delete", "deployments"]


class TestStreams:
    def test_a_pipe_gets_no_colours_and_whole_lines(self, standin: StandIn, environ: dict[str, str]) -> None:
        standin.jobs["job-1"] = [job(model_name="m" * 200)]
        ended = run("jobs", env=environ)
        assert "\x1b" not in ended.stdout
        assert "m" * 200 in ended.stdout

    def test_an_error_is_one_sentence_on_stderr(self, environ: dict[str, str]) -> None:
        ended = run("jobs", "show", "nobody", env=environ)
        assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", "modelyard: there is no such thing\n")

    @pytest.mark.parametrize(("no_color", "has_color"), [("", True), ("1", False)])
    def test_a_terminal_gets_colours_unless_it_wants_none(
        self, standin: StandIn, environ: dict[str, str], tmp_path: Path, no_color: str, *, has_color: bool
    ) -> None:
        standin.jobs["job-1"] = [job(status="running", phase="training"), job(status="succeeded", phase="deployed")]
        (tmp_path / "train.py").write_text("print('hi')\n")
        screen = on_terminal("train", str(tmp_path / "train.py"), env=environ | {"NO_COLOR": no_color})
        assert "✓" in screen
        assert ("\x1b[32m" in screen) is has_color


class TestInterrupt:
    def test_a_wait_that_is_interrupted_leaves_the_job_alone(
        self, standin: StandIn, environ: dict[str, str], tmp_path: Path
    ) -> None:
        standin.jobs["job-1"] = [job(status="running", phase="training")]
        (tmp_path / "train.py").write_text("print('hi')\n")
        process = subprocess.Popen(
            [COMMAND, "train", str(tmp_path / "train.py")],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until_asked(standin, "/mlops/jobs/job-1")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (130, "")
        assert err.splitlines()[-1] == "job-1 goes on; `modelyard jobs show job-1` shows its status"
        assert standin.asked("POST", "/mlops/jobs/job-1/cancel") == []


class TestPlugIns:
    def test_another_distribution_adds_commands_but_replaces_none(
        self, environ: dict[str, str], tmp_path: Path
    ) -> None:
        install_plug_in(tmp_path)
        env = environ | {"PYTHONPATH": str(tmp_path)}
        assert "Greet somebody." in run("--help", env=env).stdout
        assert run("greet", "yard", env=env).stdout == "hello yard\n"
        assert "Run a training script" in run("train", "--help", env=env).stdout

    def test_a_command_that_cannot_go_on_chooses_its_exit_code(self, environ: dict[str, str], tmp_path: Path) -> None:
        install_plug_in(tmp_path)
        ended = run("greet", "nobody", env=environ | {"PYTHONPATH": str(tmp_path)})
        assert (ended.returncode, ended.stderr) == (6, "modelyard: nobody is there to greet\n")

    def test_one_that_cannot_be_loaded_says_so_and_harms_no_other(
        self, environ: dict[str, str], tmp_path: Path
    ) -> None:
        install_plug_in(tmp_path)
        ended = run("broken", "--anything", env=environ | {"PYTHONPATH": str(tmp_path)})
        assert ended.returncode == 1
        assert ended.stderr == (
            "modelyard: the command 'broken' is broken: nothing:run cannot be loaded: No module named 'nothing'\n"
        )


def install_plug_in(site: Path) -> None:
    (site / "greeting.py").write_text(
        "from modelyard_client.cli.errors import CommandError, ExitCode\n\n\n"
        "def greet(name: str) -> None:\n"
        '    """Greet somebody."""\n'
        "    if name == 'nobody':\n"
        "        raise CommandError('nobody is there to greet', exit_code=ExitCode.CONFLICT)\n"
        "    print('hello', name)\n"
    )
    information = site / "greeting-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    entries = "[modelyard.commands]\ngreet = greeting:greet\ntrain = greeting:greet\nbroken = nothing:run\n"
    (information / "entry_points.txt").write_text(entries)


def until_asked(standin: StandIn, path: str) -> None:
    deadline = time.monotonic() + 20
    while not standin.asked("GET", path):
        assert time.monotonic() < deadline, f"nobody asked for {path}"
        time.sleep(0.02)


def on_terminal(*arguments: str, env: dict[str, str]) -> str:
    """All that a command writes to a terminal."""
    leader, follower = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        while True:
            try:
                chunk = os.read(leader, 4096)
            except OSError:
                return
            if not chunk:
                return
            chunks.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    process = subprocess.Popen([COMMAND, *arguments], env=env, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    assert process.wait(timeout=30) == 0
    reader.join()
    os.close(leader)
    return b"".join(chunks).decode()
