"""What a run's interpreter is started with: the program that runs the script, or the one that drives the notebook.

Both are texts that are handed over with `-c`, as neither environment has anything of ours.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.adapters.runner.run_folder import RunFolder
from modelyard.ports.runner import EXECUTED_NOTEBOOK


def command_of(run: RunFolder, spec: Mapping[str, Any]) -> list[str]:
    """The command of what the run's `spec.json` says."""
    driver = spec.get("notebook_driver")
    if driver is None:
        arguments = [str(run.tracking_note), spec["script_name"], *spec.get("arguments", [])]
        return [spec["python"], "-u", "-c", _text("entry.py"), *arguments]
    given = {
        "notebook": str(run.work / spec["script_name"]),
        "executed": str(run.work / EXECUTED_NOTEBOOK),
        "python": spec["python"],
        "kernel": _text("notebook_kernel.py"),
        "note": str(run.tracking_note),
        "failure": str(run.failure_note),
        "cell": str(run.cell_note),
        "scratch": str(run.kernel),
    }
    # Isolated, so that no module beside the notebook takes the place of one of the driver's own.
    return [driver, "-I", "-u", "-c", _text("notebook_driver.py"), json.dumps(given)]


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
