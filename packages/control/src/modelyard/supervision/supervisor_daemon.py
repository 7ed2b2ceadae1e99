"""The supervisord of one home as a process: where it listens, how it is started, and how it is found without an answer.

It is found by its command line, which names the home, so also when it hangs or when the home was deleted under it.
"""

import os
import secrets
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from modelyard.atomic_file import replace_text
from modelyard.errors import Unavailable
from modelyard.home import Home
from modelyard.supervision.environment import Scope, inherited
from modelyard.supervision.generations import Generation, is_alive
from modelyard.supervision.supervisor_rpc import USER
from modelyard.supervision.unix_sockets import bindable

_START_SECONDS = 30.0

_CONFIGURATION = """\
[unix_http_server]
file={socket}
chmod=0700
username={user}
password={password}

[supervisord]
identifier=modelyard
logfile=%(here)s/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile=%(here)s/supervisord.pid
childlogdir=%(here)s
directory=%(here)s
umask=077

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files=conf.d/*.conf
"""


def socket_path(home: Home) -> Path:
    """Where the daemon of this home listens: in the home, or, when that path is too long, in a private folder."""
    return bindable(home.supervisor / "supervisor.sock", key=home.root)


def password(home: Home) -> str | None:
    """What the daemon asks for, so that who reaches its socket is not enough; None before its first start."""
    try:
        return _password_file(home).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def start_daemon(home: Home) -> None:
    """Start it; it listens when this returns. Not while one listens.

    Raises:
        Unavailable: it does not start; the message says why.
    """
    configuration = _configuration(home)
    (home.supervisor / "conf.d").mkdir(mode=0o700, exist_ok=True)
    secret = password(home) or secrets.token_urlsafe(32)
    replace_text(_password_file(home), secret)
    replace_text(configuration, _CONFIGURATION.format(socket=socket_path(home), user=USER, password=secret))
    socket_path(home).unlink(missing_ok=True)
    try:
        started = subprocess.run(
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(configuration)],
            env=inherited(Scope.SERVICE, os.environ),
            cwd=home.supervisor,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise unavailable(f"does not start: {exc}") from exc
    if started.returncode != 0:
        said = (started.stderr.strip() or started.stdout.strip()).splitlines()
        raise unavailable(f"does not start: {said[-1] if said else f'exit code {started.returncode}'}")


def end_daemon(home: Home, *, timeout_seconds: float) -> None:
    """End it; it stops its programs first, if it can within `timeout_seconds`. When there is none: nothing to do."""
    configuration = str(_configuration(home))
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline()[-2:] == ["-c", configuration] and is_alive(process.pid):
                Generation.of(process.pid).end(timeout_seconds=timeout_seconds)


def unavailable(what: str) -> Unavailable:
    """What a caller hears when the supervisor does not do its part."""
    return Unavailable(f"The process supervisor {what}.", code="supervisor_unavailable")


def _password_file(home: Home) -> Path:
    return home.supervisor / "password"


def _configuration(home: Home) -> Path:
    return home.supervisor / "supervisord.conf"
