"""The run agent apart from any engine: what it needs, and what it refuses."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.adapters.runner.agent.exchange import RunRequest, receive_run
from modelyard.adapters.runner.agent.file_stream import lay_files
from modelyard.adapters.runner.agent.modules import agent_files
from modelyard.file_tree import MemoryTree
from modelyard.ports.runner import Limits, RunSpec


class TestModules:
    def test_the_agent_needs_nothing_but_its_own_files_and_the_standard_library(self, tmp_path: Path) -> None:
        for path, content in agent_files().items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
        imported = "import sys; sys.path.insert(0, sys.argv[1]); import modelyard.adapters.runner.agent.server"
        shown = f"{imported}; print([m.__file__ for n, m in sys.modules.items() if n.startswith('modelyard')])"
        command = [sys.executable, "-I", "-S", "-c", shown, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(str(tmp_path)) == done.stdout.count(".py")


class TestRunRequest:
    def test_a_run_is_received_as_it_was_sent(self, tmp_path: Path) -> None:
        spec = RunSpec(
            run_key="job-1/2",
            python_environment="lock",
            script_name="src/train.py",
            script_content=None,
            environment={"A": "b"},
            limits=Limits(seconds=1, memory_bytes=2, output_bytes=3, disk_bytes=4),
            notebook_driver="driver",
            arguments=("--depth", "3"),
            secrets={"KEY": "a secret\nof two lines"},
            project=MemoryTree({"src/train.py": b"print(1)", "data/umlaut ä": b""}),
            inputs={"MODEL": MemoryTree({"model.bin": bytes(700_000)})},
        )
        request = RunRequest(spec)
        body = b"".join(request)
        assert len(body) == len(request)

        received = receive_run(io.BytesIO(body), tmp_path)

        same = ("run_key", "script_name", "script_content", "environment", "limits", "arguments", "secrets")
        for name in (*same, "notebook_driver"):
            assert getattr(received, name) == getattr(spec, name)
        assert received.project is not None
        assert [entry.path for entry in received.project.entries()] == ["data/umlaut ä", "src/train.py"]
        with received.inputs["MODEL"].open("model.bin") as file:
            assert file.read() == bytes(700_000)
        assert not [place for place in tmp_path.rglob("*") if place.is_file() and b"a secret" in place.read_bytes()]

    def test_a_request_that_breaks_off_is_no_run(self, tmp_path: Path) -> None:
        spec = RunSpec(
            run_key="job-1/1",
            python_environment="lock",
            script_name="train.py",
            script_content=None,
            environment={},
            limits=Limits(seconds=1, memory_bytes=2, output_bytes=3, disk_bytes=4),
            project=MemoryTree({"train.py": b"print(1)"}),
        )
        with pytest.raises(ValueError, match="ends within a file"):
            receive_run(io.BytesIO(b"".join(RunRequest(spec))[:-1]), tmp_path)


class TestFileStream:
    @pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", ".."])
    def test_no_path_leads_out_of_the_folder(self, path: str, tmp_path: Path) -> None:
        header = json.dumps({"path": path, "size": 1, "is_executable": False}).encode()
        (tmp_path / "inside").mkdir()
        with pytest.raises(ValueError, match="below a folder"):
            lay_files(io.BytesIO(header + b"\nx"), tmp_path / "inside", most_files=9, most_bytes=9)
        assert not list(tmp_path.glob("*out*"))

    @pytest.mark.parametrize(("size", "files"), [(10, 9), (-1, 9), (1, 0)])
    def test_a_stream_is_bounded(self, size: int, files: int, tmp_path: Path) -> None:
        header = json.dumps({"path": "a", "size": size, "is_executable": False}).encode()
        with pytest.raises(ValueError, match="fewer or smaller"):
            lay_files(io.BytesIO(header + b"\n" + bytes(20)), tmp_path, most_files=files, most_bytes=9)
