"""Starts the kernel of a notebook, as `python -m ipykernel_launcher` would. It is never imported: the driver hands its
text to the interpreter of the notebook's environment with `-c`, so it needs nothing but what that environment has.

- The kernel starts in the folder of its sockets, whose paths so stay short, and goes to the notebook's folder before
  any code of the notebook runs.
- At the end it notes where MLflow's client pointed, if not to where it pointed at the start.

Arguments: the connection file, the notebook's folder, and the file for that note.
"""

import atexit
import os
import sys
from importlib import import_module
from typing import Any


def _start(connection: str, folder: str, note: str) -> None:
    sys.argv[:] = ["ipykernel_launcher"]
    sys.path[:] = [place for place in sys.path if place]  # No module of the notebook's folder is imported yet.
    given = os.environ.get("MLFLOW_TRACKING_URI")

    def note_tracking_uri() -> None:
        client: Any = sys.modules.get("mlflow")
        try:
            uri = client.get_tracking_uri() if client else given
            if uri != given:
                with open(note, "w", encoding="utf-8") as file:  # noqa: PTH123
                    file.write(str(uri))
        except Exception:  # noqa: BLE001, S110  # Whatever a notebook made of MLflow: the note is no reason to fail.
            pass

    atexit.register(note_tracking_uri)
    kernel: Any = import_module("ipykernel.kernelapp").IPKernelApp.instance()
    kernel.initialize(["-f", connection, "--HistoryManager.enabled=False"])
    os.chdir(folder)
    kernel.start()


_start(*sys.argv[1:])
