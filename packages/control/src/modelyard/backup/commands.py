"""The commands `modelyard backup` and `modelyard restore`. They work on the home of this machine, not over HTTP."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard.local.commands import printed_errors, stack_of
from modelyard_client.cli.options import HomeOption
from modelyard_client.cli.terminal import print_facts, say

if TYPE_CHECKING:
    from modelyard.backup.archive import Contents
    from modelyard.home import Home
    from modelyard.settings import Settings

FileArgument = Annotated[Path, typer.Argument(help="The backup, like modelyard-2026-05-01.tar.gz.", metavar="FILE")]


def backup(file: FileArgument, *, home: HomeOption = None) -> None:
    """Write everything that cannot be made again into one file, while the stack runs.

    In it are versions, stages, requests, the audit log, tenants and tokens (as hashes), the local stack's own MLflow
    with its artifacts, and the first access token: keep it as you keep that. With MODELYARD_DATABASE_URL the rows come
    from there.

    \b
    Examples:
      modelyard backup modelyard-2026-05-01.tar.gz
    """
    from modelyard.backup.service import back_up

    with printed_errors():
        settings = _settings(stack_of(home).home)
        has_own_tracker = settings.tracking_server.is_own
        contents, rows = back_up(settings.storage, file.absolute(), has_own_tracker=has_own_tracker)
    _show(file, contents, rows)


def restore(
    file: FileArgument,
    *,
    home: HomeOption = None,
    force: Annotated[bool, typer.Option("--force", help="Put it in the place of what is there.")] = False,
) -> None:
    """Put a backup back, into an empty home that does not run. Its hashes and its audit log are checked.

    With MODELYARD_DATABASE_URL the rows go there: so a backup of a laptop moves to PostgreSQL. One of an earlier
    release is brought up to date.

    \b
    Examples:
      modelyard restore modelyard-2026-05-01.tar.gz --home ./elsewhere
      MODELYARD_DATABASE_URL=postgresql+psycopg://… modelyard restore modelyard-2026-05-01.tar.gz
    """
    from modelyard.adapters.clock.system import SystemClock
    from modelyard.backup.service import restore as put_back
    from modelyard.errors import Conflict

    with printed_errors():
        stack = stack_of(home)
        if not stack.is_down():
            raise Conflict(f"the stack in {stack.home.root} runs: `modelyard down` first", code="stack_running")
        done = put_back(_settings(stack.home).storage, file.absolute(), clock=SystemClock(), is_forced=force)
    _show(file, done.contents, done.rows)
    say(f"Restored; all {done.audit_entries} entries of the audit log are proven. `modelyard up` starts it.")


def _settings(home: "Home") -> "Settings":
    from modelyard.settings import Settings
    from modelyard.storage import StorageSettings

    return Settings(storage=StorageSettings(home=home.root))


def _show(file: Path, contents: "Contents", rows: dict[str, int]) -> None:
    print_facts(
        {
            "file": file,
            "made at": contents.facts.made_at,
            "schema": contents.facts.revision,
            "rows": sum(rows.values()),
            "models": rows.get("models"),
            "versions": rows.get("versions"),
            "MLflow": "included" if contents.facts.has_tracker else "not included: it is not the stack's own",
            "files": contents.files,
            "bytes": contents.size,
            "sha256": contents.digest,
        }
    )
