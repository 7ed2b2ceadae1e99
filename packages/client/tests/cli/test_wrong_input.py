"""Every command, with wrong values for each of its arguments and options: one sentence, an exit code, no traceback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_run import Run
from modelyard_standin import StandIn

from modelyard_client.cli.app import app
from modelyard_client.cli.errors import ExitCode

NUMBERS = ["nan", "1e999", "9" * 400, "9" * 5000]
TEXTS = ["x=nan", f"x={'9' * 400}", f"x={'[' * 100_000}", "\udcff", "/dev/null/x"]
"""What is no finite number, too large for one, or nested too deeply; text that is no UTF-8; a file that cannot be read,
which is no name either."""
SHARED = {"help", "follow", "url", "home", "output"}
"""Options of all commands; one command stands for them."""


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The commands of this distribution, with the words that call them."""
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, *path, name)
    if not hasattr(command, "commands"):
        yield path, command


def good(parameter: Any) -> str:
    """A value that a required parameter takes."""
    metavar = parameter.metavar or ""
    return {"N": "1", "ROLE": "viewer"}.get(metavar, "churn/1" if "VERSION" in metavar else "churn")


def line(command: Any, wrong: Any, value: str) -> list[str]:
    """The words of a command line on which one parameter has this value, and all others are as they must be."""
    words: list[str] = []
    for parameter in command.params:
        given = value if parameter is wrong else good(parameter) if parameter.required else None
        if given is None or getattr(parameter, "is_flag", False):
            continue
        if parameter.param_type_name == "option":
            words.append(f"{max(parameter.opts, key=len)}={given}")
        else:
            words += ["--", given] if given.startswith("-") else [given]
    return words


COMMANDS = dict(commands(typer.main.get_command(app)))


class TestWrongInput:
    @pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
    def test_every_wrong_value_is_a_sentence(
        self, standin: StandIn, run: Run, path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        command = COMMANDS[path]
        for parameter in command.params:
            if getattr(parameter, "is_flag", False) or parameter.name in SHARED:
                continue
            for value in NUMBERS if parameter.metavar == "N" else TEXTS:
                ended = run(*path, *line(command, parameter, value), stdin=b"\xff{")
                said = f"{path} {parameter.name}={value[:20]!r}: {ended.err}"
                assert ended.exit_code in set(ExitCode), said
                assert "Traceback" not in ended.err, said
                assert "a fault of modelyard itself" not in ended.err, said
                assert ended.exit_code == 0 or ended.err.strip(), said

    @pytest.mark.parametrize(
        ("option", "sentence"),
        [
            ("--url=ftp://x", "http"),
            ("--url=http://\udcff", "modelyard: "),
            ("--url=http://127.0.0.1:99999", "modelyard: "),
            ("--home=/dev/null/x", "modelyard: "),
            ("--output=xml", "xml"),
        ],
    )
    def test_what_all_commands_share(self, run: Run, option: str, sentence: str) -> None:
        ended = run("jobs", option)
        assert ended.exit_code in set(ExitCode) - {ExitCode.OK} or option.startswith("--home")
        assert sentence in ended.err or ended.exit_code == 0
        assert "a fault of modelyard itself" not in ended.err
        assert "Traceback" not in ended.err

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (("register", "churn", "/dev/null", "--metric", "acc=nan"), "expected a finite number for 'acc'"),
            (("train", "train.py", "--timeout", "nan"), "greater than or equal to 1"),
            (("train", "train.py", "--wait-seconds", "inf"), "expected a finite number, got inf"),
        ],
    )
    def test_a_number_that_is_none_or_a_file_that_is_not_there(
        self, standin: StandIn, run: Run, words: tuple[str, ...], sentence: str
    ) -> None:
        ended = run(*words)
        assert (ended.exit_code, standin.seen) == (2, [])
        assert sentence in " ".join(ended.err.split())

    def test_a_fault_of_ours_is_a_sentence_too(
        self, standin: StandIn, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise KeyError("x")

        monkeypatch.setattr("modelyard_client.jobs.Jobs.list", broken)
        ended = run("jobs")
        assert (ended.exit_code, ended.out) == (1, "")
        assert ended.err.startswith("modelyard: this is a fault of modelyard itself (KeyError: 'x')")
