"""The modules that make the run agent, which are laid into every run image."""

from collections.abc import Mapping
from pathlib import Path

import modelyard

_MAIN = "import sys\n\nfrom modelyard.adapters.runner.agent.server import main\n\nmain(*sys.argv[1:])\n"
_MODULES = (
    *("__init__", "errors", "file_lock", "file_tree", "log_file"),
    *("adapters/__init__", "adapters/runner/__init__"),
    *("ports/__init__", "ports/environments", "ports/files", "ports/log", "ports/runner"),
    *(f"isolation/{name}" for name in ("__init__", "accounts", "confinement", "landlock", "mechanism")),
    *(f"isolation/{name}" for name in ("private_mounts", "syscalls", "system_places", "untrusted_files")),
    *(f"adapters/runner/{name}" for name in ("entry", "failure", "fake", "laid_files", "local", "masking", "output")),
    *(f"adapters/runner/{name}" for name in ("executed_notebook", "notebook_driver", "notebook_kernel", "program")),
    *(
        f"adapters/runner/{name}"
        for name in ("process", "process_tree", "processes", "run_folder", "run_store", "supervise")
    ),
    *(f"adapters/runner/agent/{name}" for name in ("__init__", "exchange", "file_stream", "server")),
)


def agent_files() -> Mapping[str, bytes]:
    """The files of the agent's folder, by path."""
    package = Path(modelyard.__file__).parent
    modules = {f"modelyard/{name}.py": (package / f"{name}.py").read_bytes() for name in _MODULES}
    return {"__main__.py": _MAIN.encode(), **modules}
