"""Notebooks in the local runner: real kernels, as they run unless the operator decides otherwise."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from notebook_files import code_cell, notebook_text

from modelyard.adapters.runner import LocalRunner
from modelyard.file_tree import MemoryTree
from modelyard.isolation import IsolationChoice, choose_isolation
from modelyard.ports.runner import EXECUTED_NOTEBOOK, Limits, RunOutcome, RunPhase, RunSpec

LIMITS = Limits(seconds=120, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)


class Notebooks:
    """A runner whose kernels and drivers both have the Python of the tests."""

    def __init__(self, folder: Path) -> None:
        isolation = choose_isolation(IsolationChoice.AUTO, home=folder)
        self.runner = LocalRunner(folder, python=lambda _: Path(sys.executable), grace_seconds=5, isolation=isolation)
        self.spec = RunSpec(
            run_key="job-1/1",
            python_environment="kernel",
            notebook_driver="driver",
            script_name="train.ipynb",
            script_content=None,
            environment={},
            limits=LIMITS,
        )

    def start(self, *cells: str | Mapping[str, Any], **fields: Any) -> None:
        self.runner.start(replace(self.spec, script_content=notebook_text(*cells), **fields))

    def run(self, *cells: str | Mapping[str, Any], **fields: Any) -> RunOutcome:
        self.start(*cells, **fields)
        return self.ended()

    def ended(self) -> RunOutcome:
        deadline = time.monotonic() + 120
        while (outcome := self.runner.observe("job-1/1")).phase is RunPhase.RUNNING:
            assert time.monotonic() < deadline, "the notebook does not end"
            time.sleep(0.02)
        return outcome

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.log:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    @property
    def log(self) -> str:
        return self.runner.read_log("job-1/1", 0).content.decode()

    @property
    def executed(self) -> Any:
        with self.runner.open_file("job-1/1", EXECUTED_NOTEBOOK) as file:
            return json.load(file)


@pytest.fixture
def notebooks(tmp_path: Path) -> Iterator[Notebooks]:
    made = Notebooks(tmp_path)
    yield made
    made.runner.cancel("job-1/1")


class TestNotebookRuns:
    def test_cells_run_one_after_the_other_and_what_they_print_is_kept(self, notebooks: Notebooks) -> None:
        outcome = notebooks.run(
            "x = 2\nprint('hello')", {"cell_type": "markdown", "metadata": {}, "source": "# A"}, "x * 21"
        )

        assert outcome == RunOutcome(RunPhase.FINISHED, exit_code=0)
        lines = notebooks.log.splitlines()
        assert lines[:2] == ["cell 1 of 2: x = 2", "hello"]
        assert lines[2].startswith("cell 1 of 2 took ")
        assert lines[3:5] == ["cell 2 of 2: x * 21", "42"]
        first, _, last = notebooks.executed["cells"]
        assert first["outputs"] == [{"name": "stdout", "output_type": "stream", "text": "hello\n"}]
        assert (last["execution_count"], last["outputs"][0]["data"]) == (2, {"text/plain": "42"})

    def test_a_failing_cell_ends_the_run_with_its_number_and_line_and_later_cells_do_not_run(
        self, notebooks: Notebooks
    ) -> None:
        outcome = notebooks.run("a = 1", "def half(n):\n    return n / 0\n\nhalf(a)", "print('never')")

        reason = "cell 2 of 3, line 4, `half(a)`: ZeroDivisionError: division by zero"
        assert outcome == RunOutcome(RunPhase.FINISHED, exit_code=1, reason=reason)
        assert "never" not in notebooks.log.replace("print('never')", "")
        assert "----> 2     return n / 0" in notebooks.log
        kinds = [[output["output_type"] for output in cell["outputs"]] for cell in notebooks.executed["cells"]]
        assert kinds == [[], ["error"], []]

    def test_a_kernel_that_dies_is_named_with_the_cell_that_it_died_in(self, notebooks: Notebooks) -> None:
        outcome = notebooks.run("print('before')", "import os\nos._exit(3)")

        assert outcome.reason == "cell 2 of 2: the kernel died: it ended with exit code 3"
        assert notebooks.executed["cells"][0]["outputs"][0]["text"] == "before\n"

    def test_the_limit_of_time_names_the_cell(self, notebooks: Notebooks) -> None:
        limits = replace(LIMITS, seconds=8)
        outcome = notebooks.run("print('quick')", "import time\ntime.sleep(600)", limits=limits)

        assert outcome.reason == "The notebook ran longer than its limit of 8 seconds, in cell 2 of 2."
        assert notebooks.executed["cells"][0]["outputs"][0]["text"] == "quick\n"

    def test_the_limit_of_memory_names_the_cell(self, notebooks: Notebooks) -> None:
        limits = replace(LIMITS, memory_bytes=400 * 2**20)
        outcome = notebooks.run("a = 1", "b = bytearray(600 * 2**20)\nimport time\ntime.sleep(60)", limits=limits)

        assert outcome.reason == "The notebook used more memory than its limit of 400 MiB, in cell 2 of 2."

    def test_a_cancelled_notebook_leaves_no_process_and_keeps_what_it_had(self, notebooks: Notebooks) -> None:
        notebooks.start("print('done')", "import os, time\nprint('at', os.getpid(), flush=True)\ntime.sleep(600)")
        notebooks.wait_for("at ")
        kernel = int(notebooks.log.partition("\nat ")[2].split()[0])

        notebooks.runner.cancel("job-1/1")

        assert notebooks.ended() == RunOutcome(
            RunPhase.FINISHED, exit_code=notebooks.ended().exit_code, reason="The run was cancelled."
        )
        assert not Path(f"/proc/{kernel}").exists()
        assert notebooks.executed["cells"][0]["outputs"][0]["text"] == "done\n"

    def test_secrets_are_masked_in_the_log_the_reason_and_the_executed_notebook(self, notebooks: Notebooks) -> None:
        outcome = notebooks.run(
            "import os\nos.environ['KEY']",
            "print(os.environ['KEY'])\nraise ValueError(os.environ['KEY'])",
            secrets={"KEY": 'top "secret" ä'},
        )

        assert outcome.reason is not None
        assert "ValueError: ***" in outcome.reason
        everything = notebooks.log + json.dumps(notebooks.executed, ensure_ascii=False)
        assert "top" not in everything
        assert "***" in notebooks.executed["cells"][1]["outputs"][0]["text"]

    def test_it_runs_in_its_own_folder_of_a_project_and_imports_what_is_beside_it(self, notebooks: Notebooks) -> None:
        files = {"notes/train.ipynb": b"{}", "notes/ratio.py": b"VALUE = 3", "notes/rows.csv": b"a"}
        outcome = notebooks.run(
            "import ratio, os\nprint(ratio.VALUE, open('rows.csv').read(), os.path.basename(os.getcwd()))",
            script_name="notes/train.ipynb",
            project=MemoryTree(files),
        )

        assert outcome.exit_code == 0
        assert "3 a notes" in notebooks.log

    def test_modules_beside_it_take_no_place_of_the_drivers_or_the_kernels(self, notebooks: Notebooks) -> None:
        files = {"nbclient.py": b"1/0", "json.py": b"1/0", "zmq.py": b"1/0", "ipykernel.py": b"1/0"}
        outcome = notebooks.run("print('fine')", project=MemoryTree(files))

        assert (outcome.exit_code, outcome.reason) == (0, None)

    def test_it_sees_no_more_of_the_machine_than_a_script(self, notebooks: Notebooks, tmp_path: Path) -> None:
        (tmp_path / "other.txt").write_text("somebody else's")
        outcome = notebooks.run(f"open({str(tmp_path / 'other.txt')!r}).read()")

        assert outcome.exit_code == 1
        assert "Error: [Errno" in (outcome.reason or "")

    def test_what_a_notebook_puts_in_the_place_of_the_executed_one_is_not_followed(self, notebooks: Notebooks) -> None:
        plant = (
            f"import os\nplace = {EXECUTED_NOTEBOOK!r}\n"
            "os.path.lexists(place) and os.unlink(place)\nos.symlink('/etc/passwd', place)\n"
            "os.kill(os.getppid(), 9)"
        )
        notebooks.run("a = 1", plant)

        place = notebooks.runner.place("job-1/1").work / EXECUTED_NOTEBOOK
        assert not place.is_symlink()
        assert not place.exists()

    def test_a_cell_that_prints_without_end_is_cut_in_the_executed_notebook(self, notebooks: Notebooks) -> None:
        limits = replace(LIMITS, output_bytes=100_000)
        outcome = notebooks.run("for _ in range(40):\n    print('x' * 100_000)", limits=limits)

        text = "".join(output["text"] for output in notebooks.executed["cells"][0]["outputs"])
        assert outcome.exit_code == 0
        assert len(text) < 1_500_000
        assert "the rest is left out here" in text

    def test_where_the_kernel_pointed_mlflow_is_noted(self, notebooks: Notebooks) -> None:
        fake = b"def get_tracking_uri():\n    return 'http://elsewhere'\n"
        outcome = notebooks.run("import mlflow", project=MemoryTree({"mlflow.py": fake}))

        assert outcome.tracking_uri == "http://elsewhere"

    def test_cells_that_may_fail_and_cells_without_code_are_passed(self, notebooks: Notebooks) -> None:
        outcome = notebooks.run(code_cell("1 / 0", tags=["raises-exception"]), "", "print('went on')")

        assert outcome.exit_code == 0
        assert "cell 2 of 2: print('went on')" in notebooks.log
