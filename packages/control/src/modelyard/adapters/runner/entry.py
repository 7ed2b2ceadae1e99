"""Runs a training script as `python SCRIPT` would, with two differences. It is never imported: the supervisor hands its
text to the environment's interpreter with `-c`, so it needs nothing but the standard library of any Python 3.

- A script's own name never shadows a library: where `mlflow.py` is the script, `import mlflow` gets the installed one.
  Other modules beside the script are found first, as Python does it.
- At the end it notes where MLflow's client pointed, if not to where it pointed at the start.

Arguments: the file for that note, the script, and what the script gets as its own arguments.
"""

import atexit
import os
import sys
import types
from importlib.machinery import PathFinder
from typing import Any


def _start(note: str, script: str, *arguments: str) -> None:
    path = os.path.abspath(script)  # noqa: PTH100  # pathlib is not loaded yet, and would take a few milliseconds.
    folder = os.path.dirname(path)  # noqa: PTH120
    own_name = os.path.basename(path).rpartition(".")[0]  # noqa: PTH119
    sys.argv[:] = [script, *arguments]
    sys.path[0] = folder
    given = os.environ.get("MLFLOW_TRACKING_URI")

    class LibraryFirst:
        """Finds the module of the script's name everywhere but beside the script."""

        @staticmethod
        def find_spec(name: str, path: Any = None, _target: Any = None) -> Any:
            if name != own_name or path is not None:
                return None
            elsewhere = [place for place in sys.path if os.path.abspath(place) != folder]  # noqa: PTH100
            return PathFinder.find_spec(name, elsewhere)

    def note_tracking_uri() -> None:
        client: Any = sys.modules.get("mlflow")
        try:
            uri = client.get_tracking_uri() if client else given
            if uri != given:
                with open(note, "w", encoding="utf-8") as file:  # noqa: PTH123
                    file.write(str(uri))
        except Exception:  # noqa: BLE001, S110  # Whatever a script made of MLflow: the note is no reason to fail.
            pass

    def without_these_frames(kind: Any, error: Any, trace: Any, show: Any = sys.excepthook) -> None:
        while trace is not None and trace.tb_frame.f_code.co_filename == _start.__code__.co_filename:
            trace = trace.tb_next
        error.__traceback__ = trace
        show(kind, error, trace)

    sys.meta_path.insert(0, LibraryFirst)
    sys.excepthook = without_these_frames
    atexit.register(note_tracking_uri)
    main = types.ModuleType("__main__")
    main.__file__ = path
    sys.modules["__main__"] = main
    with open(path, "rb") as file:  # noqa: PTH123
        source = file.read()
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)  # noqa: S102  # It is what we are for.


_start(*sys.argv[1:])
