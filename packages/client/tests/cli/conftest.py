"""Running commands in this process: the same way in, the same streams, the same exit codes."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_run import Ended, Run, known_command
from modelyard_standin import TOKEN, StandIn

from modelyard_client.cli import main


@pytest.fixture
def environment(standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_URL", standin.url)
    monkeypatch.setenv("MODELYARD_TOKEN", TOKEN)
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "home"))
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(environment: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("typer.main.get_command", known_command)

    def run_command(*arguments: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "argv", ["modelyard", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        reported: Any = capsys.readouterr()
        return Ended(int(ended.value.code or 0), reported.out, reported.err)

    return run_command
