"""The supervisor's client, on a real supervisord."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from modelyard.errors import Unavailable
from modelyard.home import Home
from modelyard.supervision.generations import is_alive
from modelyard.supervision.programs import Program
from modelyard.supervision.supervisor import ProcessState, Supervisor
from modelyard.supervision.supervisor_daemon import password, socket_path
from modelyard.supervision.supervisor_rpc import SupervisorSilent, call

Until = Callable[..., None]
MakeProgram = Callable[..., Program]


def pid_of(supervisor: Supervisor, name: str) -> int:
    state = supervisor.state(name)
    assert state is not None
    assert state.pid is not None
    return state.pid


class TestTheSocket:
    def test_who_reaches_it_without_the_password_is_refused(self, home: Home, supervisor: Supervisor) -> None:
        supervisor.start()

        with pytest.raises(SupervisorSilent, match="401"):
            call(socket_path(home), "getPID", timeout=5)
        with pytest.raises(SupervisorSilent, match="401"):
            call(socket_path(home), "getPID", timeout=5, password="guessed")
        assert supervisor.pid() == call(socket_path(home), "getPID", timeout=5, password=password(home))
        assert (home.supervisor / "password").stat().st_mode & 0o077 == 0
        assert (home.supervisor / "supervisord.conf").stat().st_mode & 0o077 == 0


class TestSupervisor:
    def test_putting_a_program_starts_the_daemon_and_the_program(
        self, supervisor: Supervisor, program: MakeProgram, until: Until
    ) -> None:
        assert not supervisor.is_running()
        assert not supervisor.put(program("a"))
        assert supervisor.is_running()
        until(lambda: is_alive(pid_of(supervisor, "a")))

    def test_putting_the_same_again_leaves_the_process_alone(
        self, supervisor: Supervisor, program: MakeProgram, until: Until
    ) -> None:
        supervisor.put(program("a"))
        before = pid_of(supervisor, "a")
        assert supervisor.put(program("a"))
        assert pid_of(supervisor, "a") == before

    def test_putting_another_description_replaces_the_process_and_no_other(
        self, supervisor: Supervisor, program: MakeProgram
    ) -> None:
        supervisor.put(program("a"))
        supervisor.put(program("b"))
        first, other = pid_of(supervisor, "a"), pid_of(supervisor, "b")
        assert not supervisor.put(program("a", "exec sleep 2000"))
        assert not is_alive(first)
        assert psutil.Process(pid_of(supervisor, "a")).pid != first
        assert pid_of(supervisor, "b") == other

    def test_a_stop_right_after_a_start_is_not_lost(self, supervisor: Supervisor, program: MakeProgram) -> None:
        supervisor.put(program("z"))
        for _ in range(5):
            supervisor.put(program("a", stop_seconds=600))
            supervisor.remove("a", timeout_seconds=600)  # A lost signal would make this test hang.
            assert supervisor.state("a") is None

    def test_a_program_that_ignores_sigterm_is_killed_with_its_children(
        self, supervisor: Supervisor, program: MakeProgram, home: Home, until: Until
    ) -> None:
        ready = home.root / "child"
        supervisor.put(program("a", f"trap '' TERM; sleep 1000 & echo $! > {ready}; wait; sleep 1000", stop_seconds=1))
        until(lambda: ready.exists() and ready.read_text().strip())
        child = int(ready.read_text())
        supervisor.remove("a", timeout_seconds=1)
        assert not is_alive(child)

    def test_children_that_a_killed_program_leaves_are_ended_before_it_starts_again(
        self, supervisor: Supervisor, program: MakeProgram, home: Home, until: Until
    ) -> None:
        children = home.root / "children"
        supervisor.put(program("a", f"sleep 1000 & echo $! >> {children}; wait"))
        until(lambda: children.exists() and len(children.read_text().split()) == 1)
        os.kill(pid_of(supervisor, "a"), signal.SIGKILL)
        until(lambda: len(children.read_text().split()) == 2)
        first, second = map(int, children.read_text().split())
        assert not is_alive(first)
        assert is_alive(second)

    def test_what_a_program_puts_into_a_session_of_its_own_is_left_alone(
        self, supervisor: Supervisor, program: MakeProgram, home: Home, until: Until
    ) -> None:
        daemon = home.root / "daemon"
        supervisor.put(program("a", f"setsid sh -c 'echo $$ > {daemon}; exec sleep 1000' & wait"))
        until(lambda: daemon.exists() and daemon.read_text().strip())
        pid = int(daemon.read_text())
        supervisor.remove("a", timeout_seconds=5)
        assert is_alive(pid)
        psutil.Process(pid).kill()

    def test_a_program_that_ends_at_once_is_tried_again_and_said_to_back_off(
        self, supervisor: Supervisor, program: MakeProgram, until: Until
    ) -> None:
        supervisor.put(program("a", "echo no luck; exit 3"))

        def backs_off() -> bool:
            state = supervisor.state("a")
            return state is not None and state.state is ProcessState.BACKOFF

        until(backs_off)
        assert "no luck" in (program("a").log).read_text()

    def test_removing_one_that_is_not_there_does_nothing(self, supervisor: Supervisor) -> None:
        supervisor.remove("a", timeout_seconds=1)
        assert not supervisor.is_running()

    def test_a_killed_daemon_is_gone_and_a_stopped_one_is_unavailable(
        self, supervisor: Supervisor, program: MakeProgram, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.supervision.supervisor._ANSWER_SECONDS", 0.3)
        supervisor.put(program("a"))
        pid = supervisor.pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Unavailable, match="does not answer"):
            supervisor.is_running()
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
        assert not supervisor.is_running()

    def test_a_shut_down_ends_everything_though_the_daemon_hangs(
        self, supervisor: Supervisor, program: MakeProgram, processes: Callable[[], list[str]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("modelyard.supervision.supervisor._ANSWER_SECONDS", 0.3)
        supervisor.put(program("a"))
        supervisor.put(program("b"))
        pid = supervisor.pid()
        assert pid is not None
        assert len(processes()) == 3
        os.kill(pid, signal.SIGSTOP)
        supervisor.shut_down(timeout_seconds=0.5)
        assert processes() == []

    def test_a_home_that_was_deleted_under_its_daemon_gets_a_new_one_and_keeps_no_old_process(
        self, supervisor: Supervisor, program: MakeProgram, home: Home, processes: Callable[[], list[str]], until: Until
    ) -> None:
        supervisor.put(program("a"))
        supervisor.put(program("b"))
        old = [pid_of(supervisor, "a"), pid_of(supervisor, "b"), supervisor.pid()]
        shutil.rmtree(home.root)
        home.make()
        supervisor.put(program("a"))
        assert not [pid for pid in old if pid is not None and is_alive(pid)]
        until(lambda: is_alive(pid_of(supervisor, "a")) and len(processes()) == 2)

    def test_programs_come_back_with_the_next_start(self, supervisor: Supervisor, program: MakeProgram) -> None:
        supervisor.put(program("a"))
        supervisor.put(program("b"))
        supervisor.remove("b", timeout_seconds=5)
        supervisor.shut_down(timeout_seconds=5)
        assert supervisor.start()
        assert [state.name for state in supervisor.states()] == ["a"]

    def test_a_name_that_is_not_a_word_is_refused(self, program: MakeProgram) -> None:
        with pytest.raises(ValueError, match="name is letters"):
            program("a\n[program:b]")


class TestSocketPath:
    def test_a_short_home_holds_its_socket(self) -> None:
        assert socket_path(Home(Path("/home/me/.modelyard"))) == Path("/home/me/.modelyard/supervisor/supervisor.sock")

    def test_a_long_home_has_a_short_socket_of_its_own_elsewhere(self) -> None:
        one, other = (socket_path(Home(Path("/home/me") / ("x" * 90) / name)) for name in ("a", "b"))
        assert len(str(one)) < 90
        assert one != other
        assert one.parent.stat().st_mode & 0o077 == 0

    def test_a_supervisor_runs_in_a_home_with_a_long_path(self, program: MakeProgram) -> None:
        with tempfile.TemporaryDirectory(prefix="my-") as folder:
            home = Home(Path(folder) / ("long" * 30))
            home.make()
            supervisor = Supervisor(home)
            try:
                supervisor.put(program("a"))
                assert is_alive(pid_of(supervisor, "a"))
            finally:
                supervisor.shut_down(timeout_seconds=5)
            assert not socket_path(home).exists()
