"""The notebook that is sent to Databricks: ours, behind cells that make its environment. Pure.

Packages are those of the lock, with its hashes, but for what a cluster's own kernel is made of. A cluster with another
Python than the lock's is refused by the first cell.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelyard.ports.environments import Lock, pinned

_OF_THE_KERNEL = frozenset(
    [
        *("ipykernel", "ipython", "traitlets", "jupyter-client", "jupyter-core", "pyzmq", "tornado", "comm"),
        *("debugpy", "matplotlib-inline", "nest-asyncio", "nest-asyncio2", "prompt-toolkit", "pexpect", "ptyprocess"),
    ]
)
_WANTED = "/tmp/modelyard-requirements.txt"  # noqa: S108  # Of the cluster's driver; the cell before writes it.


def databricks_notebook(content: str, *, lock: Lock | None, environment: Mapping[str, str]) -> str:
    """The notebook that is run.

    Args:
        content: a notebook as `training.notebooks` prepares it.
        lock: is installed first; None to take what the cluster has.
        environment: variables that the notebook sees.
    """
    document = json.loads(content)
    cells = [*(_installing(lock) if lock else ()), f"import os\nos.environ.update({dict(environment)!r})"]
    document["cells"] = [*map(_cell, cells), *document["cells"]]
    document["nbformat_minor"] = 4  # Older minor versions have no ids of cells.
    for cell in document["cells"]:
        cell.pop("id", None)
    return json.dumps(document, ensure_ascii=False)


def _installing(lock: Lock) -> Sequence[str]:
    python = ".".join((lock.python or "").split(".")[:2])
    is_it = f'assert "{{}}.{{}}".format(*sys.version_info) == {python!r}, '
    said = f'"expected a cluster with Python {python}, for which the packages of the job are locked"'
    write = f"pathlib.Path({_WANTED!r}).write_text({_installable(lock)!r})"
    return (
        f"import pathlib, sys\n{is_it}{said}\n{write}",
        f"%pip install --quiet --no-deps --require-hashes -r {_WANTED}",
        "dbutils.library.restartPython()",
    )


def _installable(lock: Lock) -> str:
    """The lock without the kernel's own packages."""
    kept, is_kept = [], True
    for line in lock.text.splitlines():
        if pins := pinned(line.removesuffix("\\")):
            is_kept = canonicalize_name(Requirement(pins[0]).name) not in _OF_THE_KERNEL
        if is_kept:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _cell(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
