"""The stack of one home: starts the control plane, MLflow and the gateway under a supervisor, and takes everything down
again."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from modelyard.envoy.binary import envoy_binary
from modelyard.errors import Conflict, Unavailable
from modelyard.file_lock import locked
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.listeners import READY_PATH
from modelyard.gateway_node.process import end_left_envoy, left_envoy
from modelyard.gateway_node.settings import GatewayNodeSettings
from modelyard.home import Home
from modelyard.local.busy_port import refuse_busy_port
from modelyard.local.interrupts import uninterrupted
from modelyard.local.preflight import check_disk, check_home, check_settings, check_stack
from modelyard.local.readiness import Awaited, await_ready
from modelyard.local.runs import interrupt_runs
from modelyard.local.stack_file import Stack, Wanted
from modelyard.supervision.environment import Scope
from modelyard.supervision.programs import CONTROL, GATEWAY, MLFLOW, Program
from modelyard.supervision.supervisor import Supervisor

Tell = Callable[[str], None]
"""Takes one line for the person who waits."""

_READY_SECONDS = 120.0
_STOP_SECONDS = 20
_SERVER_STOP_SECONDS = 60
_BEYOND_DRAIN_SECONDS = 15
"""What the gateway has to stop besides the time in which requests end."""


class LocalStack:
    """Everything that runs for one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._supervisor = Supervisor(home)
        self._gateway_folder = NodeFolder(home.gateway)

    @property
    def home(self) -> Home:
        """Its folder."""
        return self._home

    def is_up(self) -> bool:
        """Whether the control plane runs, or is being started again."""
        return self._supervisor.is_running() and self._runs(CONTROL)

    def is_down(self) -> bool:
        """Whether nothing of it runs, also no orphan of a supervisor that was killed."""
        try:
            has_orphans = self._supervisor.has_orphans() or left_envoy(self._gateway_folder) is not None
            return not self._supervisor.is_running() and not has_orphans
        except Unavailable:  # It is there, and slow.
            return False

    def up(self, wanted: Wanted, *, tell: Tell) -> tuple[Stack, bool]:
        """Start what does not run and wait until it answers. Gives the stack, and whether it was started now.

        What a supervisor that was killed left running is ended first. Model servers come back with the supervisor.

        Raises:
            Invalid: a stack that must not be (`--no-auth` beyond loopback), a setting, or a home that cannot be used.
            Conflict: a port is in use, or the stack runs with other options.
            Unavailable: something does not get ready; what was started is stopped again.
            DiskFull: there is no space for what would be started.
        """
        check_home(self._home)
        self._home.make()
        is_begun = False
        try:
            with locked(self._home.supervisor / "stack.lock"):
                is_new = not self.is_up()
                stack, programs = self._prepare(wanted, tell) if is_new else (self._running(wanted), [])
                is_begun = is_new
                for program in programs:
                    self._supervisor.put(program)
            self._await_ready(stack, tell=tell)
        except BaseException:
            if is_begun:
                self.down(tell=tell)
            raise
        return stack, is_new

    def down(self, *, tell: Tell) -> bool:
        """Stop the gateway, the control plane, runs and model servers (which finish what they answer), MLflow, the
        supervisor.

        Does with parts that are gone or hang. Returns when no process is left; False when there was none. An interrupt
        on the way does not leave a part running.
        """
        if not self._home.supervisor.is_dir():
            return False
        with (
            locked(self._home.supervisor / "stack.lock"),
            uninterrupted(lambda: tell("The stack is being taken down; please wait")),
        ):
            return self._take_down(tell)

    def _take_down(self, tell: Tell) -> bool:
        was_running = not self.is_down()
        with suppress(Unavailable):  # Then what is left of it is ended by its records below.
            self._stop_in_order(tell)
        runs = interrupt_runs(self._home)
        if runs:
            tell(f"Interrupted {runs} running script{'s' if runs > 1 else ''}; the next up starts them again")
        self._supervisor.shut_down(timeout_seconds=_STOP_SECONDS)
        end_left_envoy(self._gateway_folder)
        return was_running or runs > 0

    def _prepare(self, wanted: Wanted, tell: Tell) -> tuple[Stack, list[Program]]:
        """The stack, and what has to be started, in this order. Nothing of it is started yet."""
        stack = _with_possible_gateway(wanted.after(Stack.read(self._home)), tell)
        check_stack(stack)
        check_settings()
        check_disk(self._home)
        if not self._supervisor.is_running():
            self._supervisor.end_orphans(timeout_seconds=_STOP_SECONDS)
            end_left_envoy(self._gateway_folder)
        refuse_busy_port(stack.host, stack.port, flag="--port")
        programs = [self._control(stack)]
        if stack.tracking_uri is not None:
            self._supervisor.remove(MLFLOW, timeout_seconds=_STOP_SECONDS)
        else:
            programs.insert(0, self._mlflow(stack))
            if not (self._supervisor.is_running() and self._runs(MLFLOW)):
                refuse_busy_port("127.0.0.1", stack.mlflow_port, flag="--mlflow-port")
        if not stack.gateway:
            self._supervisor.remove(GATEWAY, timeout_seconds=_gateway_stop_seconds())
        else:
            programs.insert(0, self._gateway(stack))
            if not (self._supervisor.is_running() and self._runs(GATEWAY)):
                refuse_busy_port(stack.gateway_host, stack.gateway_port, flag="--gateway-port")
        stack.write(self._home)
        return stack, programs

    def _running(self, wanted: Wanted) -> Stack:
        running = Stack.read(self._home) or wanted.after(None)
        if not wanted.is_met_by(running):
            raise Conflict(
                f"The stack of {self._home.root} runs at {running.url} with other options; "
                "end it with `modelyard down` first.",
                code="stack_running",
            )
        return running

    def _runs(self, name: str) -> bool:
        program = self._supervisor.state(name)
        return program is not None and program.state.is_up

    def _await_ready(self, stack: Stack, *, tell: Tell) -> None:
        awaited = [Awaited(CONTROL, "The control plane", stack.local_host, stack.port, "/health/ready")]
        if stack.tracking_uri is None:
            awaited.append(Awaited(MLFLOW, "MLflow", "127.0.0.1", stack.mlflow_port, "/health"))
        if stack.gateway:
            awaited.append(Awaited(GATEWAY, "The gateway", stack.local_gateway_host, stack.gateway_port, READY_PATH))
        await_ready(
            self._supervisor,
            awaited,
            seconds=_READY_SECONDS,
            tell=lambda one, seconds: tell(f"{one.title} answers after {seconds:.1f} s"),
        )

    def _stop_in_order(self, tell: Tell) -> None:
        if not self._supervisor.is_running():
            return
        # Before the control plane, to which it reports that it serves no more.
        self._supervisor.stop(GATEWAY, timeout_seconds=_gateway_stop_seconds())
        self._supervisor.stop(CONTROL, timeout_seconds=_STOP_SECONDS)
        tell("The control plane has stopped")
        ours = {CONTROL, GATEWAY, MLFLOW}
        servers = [state.name for state in self._supervisor.states() if state.name not in ours]
        with ThreadPoolExecutor(max_workers=len(servers) or 1) as pool:
            list(pool.map(lambda name: self._supervisor.stop(name, timeout_seconds=_SERVER_STOP_SECONDS), servers))
        if servers:
            tell(f"{len(servers)} model server{'s have' if len(servers) > 1 else ' has'} stopped")
        self._supervisor.stop(MLFLOW, timeout_seconds=_STOP_SECONDS)

    def _control(self, stack: Stack) -> Program:
        return self._program(CONTROL, "modelyard", stack, priority=900, nice=0)

    def _mlflow(self, stack: Stack) -> Program:
        return self._program(MLFLOW, "modelyard.local.mlflow_server", stack, priority=100, nice=2)

    def _gateway(self, stack: Stack) -> Program:
        return Program(
            name=GATEWAY,
            command=(sys.executable, "-P", "-m", "modelyard.gateway_node"),
            folder=self._home.root,
            log=self._home.logs / f"{GATEWAY}.log",
            scope=Scope.SERVICE,
            environment={
                "MODELYARD_HOME": str(self._home.root),
                "MODELYARD_GATEWAY_HOST": stack.gateway_host,
                "MODELYARD_GATEWAY_PORT": str(stack.gateway_port),
                "MODELYARD_GATEWAY_CONTROL_URL": stack.url,
            },
            priority=850,  # It stops before the servers that it leads to.
            stop_seconds=_gateway_stop_seconds(),
        )

    def _program(self, name: str, module: str, stack: Stack, *, priority: int, nice: int) -> Program:
        return Program(
            name=name,
            command=(sys.executable, "-P", "-m", module),
            folder=self._home.root,
            log=self._home.logs / f"{name}.log",
            scope=Scope.SERVICE,
            environment={
                "MODELYARD_HOME": str(self._home.root),
                "MODELYARD_HOST": stack.host,
                "MODELYARD_PORT": str(stack.port),
                "MODELYARD_MLFLOW_PORT": str(stack.mlflow_port),
                "MODELYARD_AUTH": str(stack.auth).lower(),
                "MODELYARD_GATEWAY_HOST": stack.gateway_host,
                "MODELYARD_GATEWAY_PORT": str(stack.gateway_port),
            },
            nice=nice,
            priority=priority,
            stop_seconds=_STOP_SECONDS,
        )


def _with_possible_gateway(stack: Stack, tell: Tell) -> Stack:
    """The stack without a gateway where Envoy is not to be had."""
    if not stack.gateway:
        return stack
    try:
        envoy_binary()
    except Unavailable as exc:
        tell(f"The gateway is not started: {exc.message} Everything else works without it.")
        return replace(stack, gateway=False)
    return stack


def _gateway_stop_seconds() -> int:
    settings = GatewayNodeSettings()
    return settings.drain_seconds + settings.notice_seconds + _BEYOND_DRAIN_SECONDS
