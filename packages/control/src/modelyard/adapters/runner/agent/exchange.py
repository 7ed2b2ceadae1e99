"""What the control plane and a run agent send each other: variables, headers, and a run with its files.

A run comes in one request, so that it begins once and whole: a line of JSON, and a stream of files, those of the
project below `project/` and those of each input below `inputs/<VARIABLE>/`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelyard.adapters.runner.agent.file_stream import Readable, lay_files, stream_size, tree_stream
from modelyard.file_tree import FolderTree
from modelyard.ports.files import FileTree
from modelyard.ports.runner import Limits, RunSpec

TOKEN_HEADER = "X-Modelyard-Run-Token"  # noqa: S105  # A header's name. `Authorization` is for proxies on the way.
TOKEN, HOST, PORT = "MODELYARD_RUN_TOKEN", "MODELYARD_RUN_HOST", "MODELYARD_RUN_PORT"
GRACE, HOLD = "MODELYARD_RUN_GRACE_SECONDS", "MODELYARD_RUN_HOLD_SECONDS"
"""Variables of the agent. The script's environment has none of them."""
WAITING = "waiting"
"""The phase of an agent to which no run was sent."""
AGENT_FOLDER = "opt/modelyard-agent"
"""Where the agent is, in an image. Python runs a folder by its `__main__.py`."""
DRIVER_FOLDER = "opt/modelyard-notebook-driver"
"""Where the environment is, in an image, from which notebooks are driven."""
WORK_FOLDER = "work"
"""Where the agent may write, in an image: a volume is mounted there."""
LISTENING = "listening on port "
"""How the agent's one line of output begins."""
_PROJECT, _INPUTS = "project", "inputs"
_LARGEST_SPEC = 16 * 1024 * 1024
_UNBOUNDED = 1 << 62


class RunRequest:
    """A run as the control plane sends it."""

    def __init__(self, spec: RunSpec) -> None:
        inputs = {f"{_INPUTS}/{variable}/": tree for variable, tree in spec.inputs.items()}
        self._trees: dict[str, FileTree] = inputs | ({f"{_PROJECT}/": spec.project} if spec.project else {})
        self._head = json.dumps(_to_json(spec)).encode() + b"\n"

    def __len__(self) -> int:
        """How many bytes it has."""
        return len(self._head) + sum(stream_size(tree, folder=folder) for folder, tree in self._trees.items())

    def __iter__(self) -> Iterator[bytes]:
        """These bytes."""
        yield self._head
        for folder, tree in self._trees.items():
            yield from tree_stream(tree, folder=folder)


def receive_run(body: Readable, folder: Path) -> RunSpec:
    """Read a run, whose files are laid into `folder`. Secrets stay in memory.

    Raises:
        ValueError: it is none.
    """
    head: dict[str, Any] = json.loads(body.readline(_LARGEST_SPEC))
    lay_files(body, folder, most_files=_UNBOUNDED, most_bytes=_UNBOUNDED)
    return _from_json(head, folder)


def _to_json(spec: RunSpec) -> dict[str, Any]:
    return {
        "run_key": spec.run_key,
        "script_name": spec.script_name,
        "script_content": spec.script_content,
        "environment": dict(spec.environment),
        "limits": asdict(spec.limits),
        "notebook_driver": spec.notebook_driver,
        "arguments": list(spec.arguments),
        "secrets": dict(spec.secrets),
        "has_project": spec.project is not None,
        "inputs": sorted(spec.inputs),
    }


def _from_json(head: Mapping[str, Any], folder: Path) -> RunSpec:
    project, inputs = folder / _PROJECT, {variable: folder / _INPUTS / variable for variable in head["inputs"]}
    for place in (project, *inputs.values()):
        place.mkdir(parents=True, exist_ok=True)
    return RunSpec(
        run_key=head["run_key"],
        python_environment="",
        script_name=head["script_name"],
        script_content=head["script_content"],
        environment=head["environment"],
        limits=Limits(**head["limits"]),
        notebook_driver=head["notebook_driver"],
        arguments=tuple(head["arguments"]),
        secrets=head["secrets"],
        project=FolderTree(project) if head["has_project"] else None,
        inputs={variable: FolderTree(place) for variable, place in inputs.items()},
    )
