"""Options of `train` and `deploy` that say what a run is given, and what they are read to."""

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelyard_client.cli.transfer import transfer_bar

if TYPE_CHECKING:
    from modelyard_client.programs import Program
    from modelyard_client.projects import Progress

ArgumentsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="After `--`: what the script finds in sys.argv.", metavar="-- ARGUMENT", show_default=False),
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        help="A value for what the cell of a notebook that is tagged `parameters` assigns: JSON, else a text. "
        "May be repeated.",
        metavar="NAME=VALUE",
    ),
]
EnvironmentOption = Annotated[
    list[str] | None, typer.Option("--env", help="A variable of the run; may be repeated.", metavar="NAME=VALUE")
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        help="A variable that is stored encrypted and masked in the log. Its value is that of the same variable here, "
        "else it is asked for; NAME=@FILE reads a file, NAME=- standard input. May be repeated.",
        metavar="NAME",
    ),
]
FileOption = Annotated[
    list[Path] | None,
    typer.Option("--file", help="A file or folder that is laid beside the script; may be repeated.", metavar="PATH"),
]

_OF_PYTHON = {"True": True, "False": False, "None": None}


DataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        help="Data of the run: the script finds the URI in MODELYARD_DATA_NAME; project:PATH is a file that is sent. "
        "May be repeated.",
        metavar="NAME=URI[@SHA256]",
    ),
]
_SHA256 = re.compile("[0-9a-f]{64}")


def sending(program: "Program") -> AbstractContextManager["Progress"]:
    """A bar for a project's archive that is on its way; a script alone needs none."""
    if program.archive is None:
        return nullcontext(lambda _, __: None)
    return transfer_bar(program.model_name)


def variables(texts: Sequence[str] | None, *, option: str = "--env") -> dict[str, str]:
    """What was said as NAME=VALUE.

    Raises:
        typer.BadParameter: one is not of that form, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, is_given, value = text.partition("=")
        if not is_given or not name:
            raise typer.BadParameter(f"expected NAME=VALUE, got {text!r}", param_hint=option)
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint=option)
        found[name] = value
    return found


def parameters(texts: Sequence[str] | None) -> dict[str, Any]:
    """What was said as NAME=VALUE, each value as JSON or Python writes it, else as the text that it is.

    Raises:
        typer.BadParameter: as for `variables`.
    """
    return {name: _typed(value) for name, value in variables(texts, option="--param").items()}


def _typed(value: str) -> Any:
    if value in _OF_PYTHON:
        return _OF_PYTHON[value]
    try:
        return json.loads(value, parse_constant=str)
    except (ValueError, RecursionError):
        return value


def references(texts: Sequence[str] | None) -> dict[str, dict[str, str]]:
    """Data by name, with where it is and its digest if that is said."""
    found = {}
    for name, place in variables(texts, option="--data").items():
        uri, _, digest = place.rpartition("@")
        found[name] = {"uri": uri, "sha256": digest} if uri and _SHA256.fullmatch(digest) else {"uri": place}
    return found


def secrets(texts: Sequence[str] | None, named_by_project: Sequence[str] = ()) -> dict[str, str]:
    """The values of secrets, from where each is to be read. None is ever written on a command line.

    Raises:
        typer.BadParameter: a value is on the command line, comes from nowhere, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, is_given, source = text.partition("=")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--secret")
        found[name] = _read(name, source) if is_given else _own(name)
    return {**{name: _own(name) for name in named_by_project if name not in found}, **found}


def _read(name: str, source: str) -> str:
    if source in {"-", "@-"}:
        return sys.stdin.read().removesuffix("\n")
    if not source.startswith("@"):
        raise typer.BadParameter(
            f"{name}: a value does not belong on the command line, where others see it and the shell keeps it: set the "
            f"variable {name}, or give {name}=@FILE",
            param_hint="--secret",
        )
    try:
        return Path(source[1:]).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise typer.BadParameter(f"{name}: cannot read {source[1:]}: {reason}", param_hint="--secret") from error


def _own(name: str) -> str:
    value = os.environ.get(name)
    if value is not None:
        return value
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"{name}: there is no variable of that name here, and no terminal to ask on", param_hint="--secret"
        )
    return str(typer.prompt(name, hide_input=True, err=True))
