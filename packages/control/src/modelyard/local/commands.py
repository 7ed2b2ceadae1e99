"""The commands `modelyard up` and `modelyard down`. They say what happens on stderr, and addresses on stdout."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard.errors import Kind, ModelyardError
from modelyard.local.interrupts import interruptible
from modelyard_client.cli.errors import CommandError, ExitCode
from modelyard_client.cli.options import HomeOption
from modelyard_client.cli.terminal import print_facts, print_line, say

if TYPE_CHECKING:
    from modelyard.home import Home
    from modelyard.local.stack import LocalStack
    from modelyard.local.stack_file import Stack

_FOLLOW_SECONDS = 0.25
_EXIT_CODES = {
    Kind.INVALID: ExitCode.USAGE,
    Kind.CONFLICT: ExitCode.CONFLICT,
    Kind.UNAVAILABLE: ExitCode.UNAVAILABLE,
    Kind.DISK_FULL: ExitCode.UNAVAILABLE,
}

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", envvar="MODELYARD_PORT", min=1, max=65535, help="Of the management API; 8000 at first.", metavar="N"
    ),
]
MlflowPortOption = Annotated[
    int | None,
    typer.Option(
        "--mlflow-port", envvar="MODELYARD_MLFLOW_PORT", min=1, max=65535, help="Of MLflow; 5000 at first.", metavar="N"
    ),
]
GatewayPortOption = Annotated[
    int | None,
    typer.Option(
        "--gateway-port",
        envvar="MODELYARD_GATEWAY_PORT",
        min=1,
        max=65535,
        help="Of the gateway; 8080 at first.",
        metavar="N",
    ),
]
GatewayHostOption = Annotated[
    str | None,
    typer.Option(
        "--gateway-host", envvar="MODELYARD_GATEWAY_HOST", help="Of the gateway; loopback at first.", metavar="ADDRESS"
    ),
]
GatewayOption = Annotated[
    bool | None,
    typer.Option("--gateway/--no-gateway", help="Start the gateway, or do not.", show_default=False),
]
HostOption = Annotated[
    str | None,
    typer.Option(
        "--host", envvar="MODELYARD_HOST", help="Of the management API; loopback at first.", metavar="ADDRESS"
    ),
]
AuthOption = Annotated[
    bool | None,
    typer.Option(
        "--auth/--no-auth", help="Ask for a token, or, on loopback only, let in everybody.", show_default=False
    ),
]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the deployments serve, or do not.")]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Return when all is ready, and let it run.")]


def up(
    *,
    home: HomeOption = None,
    port: PortOption = None,
    mlflow_port: MlflowPortOption = None,
    host: HostOption = None,
    gateway: GatewayOption = None,
    gateway_host: GatewayHostOption = None,
    gateway_port: GatewayPortOption = None,
    auth: AuthOption = None,
    detach: DetachOption = False,
    wait: WaitOption = True,
) -> None:
    """Start the local stack: the management API, MLflow, the gateway and the model servers.

    All state is in one folder; `up` on the same folder brings everything back, deployments included. Without --detach
    it shows the log of the management API, and Ctrl-C takes the stack down. Options that are not given are as they were
    the last time. What was deployed loads again; `up` waits until it serves, unless --no-wait is given.

    \b
    Examples:
      modelyard up
      modelyard up --detach --port 8001 --mlflow-port 5001
      modelyard up --home ./stack
    """
    from modelyard.local.stack_file import Wanted

    stack = stack_of(home)
    token_is_old = stack.home.token_file.exists()
    tracking_uri = os.environ.get("MLFLOW_TRACKING_URI") or os.environ.get("MODELYARD_MLFLOW_TRACKING_URI")
    wanted = Wanted(
        host=host,
        port=port,
        mlflow_port=mlflow_port,
        auth=auth,
        tracking_uri=tracking_uri,
        gateway=gateway,
        gateway_host=gateway_host,
        gateway_port=gateway_port,
    )
    started, is_new = time.monotonic(), False
    try:
        with printed_errors(), interruptible():
            running, is_new = stack.up(wanted, tell=say)
        deployed = _deployed(running, stack.home, waits=wait)
        if not is_new:
            say(f"Modelyard is running already{deployed and '; '}{deployed}")
            shell = "`modelyard down`, and `up`, gives it those of this shell"
            say(f"It has the settings that it was started with: {shell}")
        else:
            say(f"Modelyard is ready after {time.monotonic() - started:.1f} s{deployed and ': '}{deployed}")
        _show(running, stack.home, shows_token=running.auth and not token_is_old)
        if is_new and not detach:
            _stay(stack)
    except KeyboardInterrupt:
        if is_new and not detach:
            with printed_errors():
                stack.down(tell=say)
        raise


def down(*, home: HomeOption = None) -> None:
    """Stop the local stack: the management API first, then models, which finish what they answer, and MLflow.

    Nothing is lost: `modelyard up` on the same folder brings everything back.

    \b
    Examples:
      modelyard down
    """
    stack = stack_of(home)
    with printed_errors():
        was_running = stack.down(tell=say)
    say("Modelyard is down" if was_running else "Modelyard was not running")


def stack_of(home: Path | None) -> "LocalStack":
    """The stack of the folder that the option or the environment names."""
    from modelyard.home import Home
    from modelyard.local.stack import LocalStack

    folder = home or Path(os.environ.get("MODELYARD_HOME") or "~/.modelyard")
    with printed_errors():
        return LocalStack(Home(folder.expanduser().absolute()))


def _deployed(stack: "Stack", home: "Home", *, waits: bool) -> str:
    """What is to be said of the deployments."""
    from modelyard.local.loading import describe_deployments

    token = home.token_file.read_text(encoding="utf-8").strip() if home.token_file.exists() else None
    with interruptible():
        return describe_deployments(stack.url, token, waits=waits)


def _show(stack: "Stack", home: "Home", *, shows_token: bool) -> None:
    addresses = {
        "console": f"{stack.url}/console",
        "management API": stack.url,
        "its documentation": f"{stack.url}/docs",
        "MLflow": stack.mlflow_url,
    }
    gateway = {} if stack.gateway_url is None else {"gateway": stack.gateway_url}
    print_facts({**addresses, **gateway, "home": home.root})
    if stack.auth and stack.tracking_uri is None:
        say("MLflow wants the token too: as MLFLOW_TRACKING_TOKEN, or as the password in a browser")
    if not stack.auth:
        say("Nobody is asked for a token: everybody on this machine is an administrator")
    if shows_token and home.token_file.exists():
        token = home.token_file.read_text(encoding="utf-8").strip()
        print_line(f"\nThe first access token, shown once; the command line finds it in {home.token_file}:\n{token}")


def _stay(stack: "LocalStack") -> None:
    """Show the control plane's log until the stack is down, by us or by somebody else."""
    from modelyard.supervision.log_tail import Following

    log = Following(stack.home.logs / "control.log")
    say("Ctrl-C takes it down; here is the log of the management API")
    try:
        with interruptible():
            while not stack.is_down():
                sys.stdout.write(log.read().decode(errors="replace"))
                sys.stdout.flush()
                time.sleep(_FOLLOW_SECONDS)
    except KeyboardInterrupt:
        say("")
        with printed_errors():
            stack.down(tell=say)
    say("Modelyard is down")


@contextmanager
def printed_errors() -> Iterator[None]:
    """Errors of the platform, as a command prints them."""
    try:
        yield
    except ModelyardError as error:
        exit_code = _EXIT_CODES.get(error.kind, ExitCode.FAILED)
        raise CommandError(error.message, exit_code=exit_code) from error
    except OSError as error:
        from modelyard.disk import is_about_space

        if not is_about_space(error):
            raise
        said = f"disk full: {error.filename or 'the home'} cannot be written; make room there, and repeat this."
        raise CommandError(said, exit_code=ExitCode.UNAVAILABLE) from error
