"""The command: its settings from the command line and the file, and what it costs to start it."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from modelyard_serving.cli import run
from modelyard_serving.settings import Settings

MODEL_LIBRARIES = (
    "numpy",
    "pandas",
    "sklearn",
    "mlflow",
    "onnxruntime",
    "pyarrow",
    "torch",
    "uvloop",
    "prometheus_client",
)


class TestCommand:
    def test_every_setting_is_an_option_with_a_sentence(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            run(["--help"])
        assert ended.value.code == 0
        reported = capsys.readouterr().out
        for field in fields(Settings):
            assert field.name == "path" or f"--{field.name.replace('_', '-')}" in reported

    def test_the_command_line_wins_over_the_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        config = tmp_path / "c.json"
        config.write_text('{"workers": 0, "port": 1}')
        assert run(["sample_models:Doubler", "--config", str(config)]) == 2
        assert "workers must be at least 1" in capsys.readouterr().err
        assert run([str(tmp_path / "none"), "--config", str(config), "--workers", "1"]) == 2
        assert "there is no " in capsys.readouterr().err

    def test_help_imports_no_library_that_a_model_needs(self) -> None:
        program = (
            "import sys\nfrom modelyard_serving.cli import run\n"
            "try:\n    run(['--help'])\nexcept SystemExit:\n    pass\n"
            f"print([name for name in {MODEL_LIBRARIES!r} if name in sys.modules], file=sys.stderr)"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert ended.stderr.strip() == "[]"
