"""The real application over real HTTP, and its command line in this process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from access_platform import Platform
from cli_run import known_command

from modelyard_client.cli import main

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session", autouse=True)
def silent_log() -> None:
    """The application runs in this process, whose stdout is the command's."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "home") as platform:
        yield platform


@pytest.fixture
def run(platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command with a token; gives its exit code and what it wrote."""

    def run_command(*arguments: str, token: str | None = None) -> tuple[int, str]:
        monkeypatch.setenv("MODELYARD_URL", str(platform.at(None).base_url))
        monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("MODELYARD_TOKEN", token or platform.operator_token)
        monkeypatch.setattr("typer.main.get_command", known_command)
        monkeypatch.setattr(sys, "argv", ["modelyard", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run_command
