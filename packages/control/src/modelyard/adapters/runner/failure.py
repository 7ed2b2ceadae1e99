"""Why a run did not end well, in one sentence for people. Pure: it reads a wait status and the end of the output."""

import re
import signal

_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Warning|Iteration|Group)\b")
_REFUSED_FILE = re.compile(r"\[Errno (?:13|30)\] [^:]*: '/")
_LONGEST = 500
_REASON_LINES = 6
_UNCAUGHT = 1
"""Python's exit code after an exception that nobody caught, and after `sys.exit` with a message."""


def reason_of(exit_code: int, output_end: bytes, *, disk_bytes: int) -> str | None:
    """The sentence, or None when the script ended well.

    Args:
        exit_code: of the script; negative for the signal that killed it.
        output_end: the last bytes that it wrote.
        disk_bytes: the limit on a file's size, which the system enforces by a signal.
    """
    if exit_code == 0:
        return None
    if exit_code == -signal.SIGXFSZ:
        return f"The script wrote a file that is larger than its limit of {readable_bytes(disk_bytes)}."
    if exit_code < 0:
        return f"The script was killed by {_signal_name(-exit_code)}."
    lines = [line.rstrip() for line in output_end.decode(errors="replace").splitlines()]
    if exit_code == _UNCAUGHT and (exception := _last_exception(lines)):
        return exception[:_LONGEST]
    last = next((line.strip() for line in reversed(lines) if line.strip()), None)
    said = f"; its last line of output is: {last[:_LONGEST]}" if last else " and wrote nothing"
    return f"The script ended with exit code {exit_code}{said}"


def with_isolation_hint(reason: str) -> str:
    """The sentence, and whose rule it was where a file was refused."""
    if not _REFUSED_FILE.search(reason):
        return reason
    return (
        f"{reason} (a run sees its own folder, its environment and the system; the operator opens folders of data to "
        "all runs with MODELYARD_RUN_READABLE)"
    )


def readable_bytes(count: int) -> str:
    """The size as people write it: `512 MiB`, `1.5 GiB`."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:.1f}".removesuffix(".0") + f" {unit}"


def _last_exception(lines: list[str]) -> str | None:
    """The first line of the last exception that was printed, with those after it where they hold the reason."""
    starts = [index for index, line in enumerate(lines) if line.lstrip(" |+").startswith(_TRACEBACK)]
    if starts:
        after = range(starts[-1] + 1, len(lines))
        first = next((index for index in after if lines[index] and not lines[index][0].isspace()), None)
        return None if first is None else _with_reason(lines[first:])
    return next((line for line in reversed(lines) if _EXCEPTION.match(line)), None)  # A SyntaxError has no traceback.


def _with_reason(lines: list[str]) -> str:
    """MLflow often says first what it did and below what went wrong; others end a line with a colon and go on."""
    first, *more = [" ".join(line.split()) for line in lines if line.strip()]
    name, _, message = first.partition(":")
    if name.startswith("mlflow.") or not message.strip() or first.endswith(":"):
        return " ".join([first, *more[:_REASON_LINES]])
    return first


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    hint = ", as the system does when memory runs out" if number == signal.SIGKILL else ""
    return f"signal {number} ({name}{hint})"
