"""Drives a notebook: starts its kernel, sends it cell after cell, and keeps what it answers. It is never imported: the
supervisor hands its text with `-c` to the interpreter of the driver's own environment, which has `nbclient`.

It runs as the same user and under the same limits as the kernel, so nothing that it writes is more to be trusted than
what a script writes. Its output is the run's log: a line before and after each cell, and between them what the cell
printed. What went wrong stands in a note besides, and where the run is, in another.

Argument: a JSON object with `notebook`, `executed`, `python`, `kernel`, `note`, `failure`, `cell`, and `scratch`.
"""

import atexit
import json
import os
import re
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_ARROW = re.compile(r"^-+> (\d+) ?(.*)$")
_MOST_PRINTED = 1024 * 1024
"""Characters of one cell's printed output that the executed notebook has; the log has all."""
_MOST_DATA = 8 * 1024 * 1024
"""Characters of all rich output of one cell."""
_START_SECONDS = 120
_LONGEST = 300


class Driver:
    """One notebook from its first cell to its last."""

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given
        self._library: Any = import_module("nbclient")
        document = json.loads(Path(given["notebook"]).read_text(encoding="utf-8"))
        for cell in document["cells"]:
            cell["source"] = "".join(cell["source"])  # A file may have a list of lines.
        self._notebook: Any = import_module("nbformat").from_dict(document)
        runnable = [cell for cell in self._notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        self._count = len(runnable)
        self._number = 0
        self._started = 0.0
        self._printed = 0
        self._data = 0

    def run(self) -> int:
        """Run it; gives the exit code."""
        manager = self._manager()
        client = self._library.NotebookClient(
            self._notebook,
            km=manager,
            timeout=None,
            startup_timeout=_START_SECONDS,
            record_timing=False,
            ipython_hist_file="",
        )
        client.owns_km = True  # So that it ends the kernel, whatever happens.
        client.on_cell_execute, client.on_cell_executed = self._begin_cell, self._end_cell
        self._listen(client)
        failures = import_module("nbclient.exceptions")
        try:
            client.execute()
        except failures.CellExecutionError as error:
            return self._fail(self._said(error))
        except failures.DeadKernelError:
            return self._fail(f"{self._place()}: the kernel died{_how(manager)}")
        except RuntimeError as error:  # So nbclient says that a kernel did not start.
            return self._fail(f"the kernel does not start: {error}")
        finally:
            atexit.unregister(client._cleanup_kernel)  # noqa: SLF001  # It is left where a kernel does not start.
            self._keep()
        _say(f"ran {self._count} cells")
        return 0

    def _manager(self) -> Any:
        """A kernel manager whose kernel is the notebook's environment's, behind sockets in the scratch folder."""
        given = self._given
        os.chdir(given["scratch"])
        manager = import_module("jupyter_client.manager").AsyncKernelManager(transport="ipc", ip="kernel")
        manager.connection_file = str(Path(given["scratch"], "connection.json"))
        folder = str(Path(given["notebook"]).parent)
        command = [given["python"], "-u", "-c", given["kernel"], "{connection_file}", folder, given["note"]]
        spec = import_module("jupyter_client.kernelspec").KernelSpec
        manager._kernel_spec = spec(argv=command, display_name="Python 3", language="python")  # noqa: SLF001
        return manager

    def _listen(self, client: Any) -> None:
        """Print what cells print as it comes, and keep so much of it and no more."""
        process = client.process_message

        def process_and_print(message: Any, cell: Any, index: int) -> Any:
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                sys.stdout.write(content["text"])
                self._printed += len(content["text"])
                if self._printed > _MOST_PRINTED:
                    return None
            elif kind in {"execute_result", "display_data", "update_display_data"}:
                text = content["data"].get("text/plain")
                if isinstance(text, str):
                    _say(text)
                self._data += sum(len(str(value)) for value in content["data"].values())
                if self._data > _MOST_DATA:
                    return None
            return process(message, cell, index)

        client.process_message = process_and_print

    def _begin_cell(self, cell: Any, cell_index: int) -> None:  # noqa: ARG002  # nbclient passes them by name.
        self._number += 1
        self._printed = self._data = 0
        self._started = time.monotonic()
        Path(self._given["cell"]).write_text(self._place(), encoding="utf-8")
        first = next(line.strip() for line in cell.source.splitlines() if line.strip())
        _say(f"{self._place()}: {first[:80]}")

    def _end_cell(self, cell: Any, cell_index: int, execute_reply: Any) -> None:  # noqa: ARG002
        for limit, size, what in ((_MOST_PRINTED, self._printed, "printed"), (_MOST_DATA, self._data, "displayed")):
            if size > limit:
                said = f"[{size} characters were {what}: the rest is left out here]\n"
                cell.outputs.append(self._stream(said))
        for output in cell.outputs if execute_reply["content"]["status"] == "error" else ():
            if output.output_type == "error":
                _say("\n".join(map(_plain, output.traceback)))
        self._keep()
        _say(f"{self._place()} took {time.monotonic() - self._started:.1f} s")

    def _stream(self, text: str) -> Any:
        return import_module("nbformat").from_dict({"output_type": "stream", "name": "stderr", "text": text})

    def _keep(self) -> None:
        """Write the notebook as it is by now, whole or not at all."""
        place = Path(self._given["executed"])
        beside = place.with_name(f"{place.name}.part")
        content = json.dumps(self._notebook, ensure_ascii=False, indent=1, sort_keys=True)
        beside.write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
        beside.rename(place)

    def _said(self, error: Any) -> str:
        """The cell, the line of it that failed, and the error's last lines."""
        lines = _plain(error.traceback).splitlines()
        arrow = next((found for line in lines if (found := _ARROW.match(line))), None)
        at = f", line {arrow[1]}, `{arrow[2].strip()}`" if arrow else ""
        reason = " ".join(_plain(error.evalue).split())[:_LONGEST]
        return f"{self._place()}{at}: {error.ename}: {reason}".removesuffix(": ")

    def _place(self) -> str:
        return f"cell {self._number} of {self._count}" if self._number else f"before the first of {self._count} cells"

    def _fail(self, reason: str) -> int:
        _say(reason)
        Path(self._given["failure"]).write_text(reason, encoding="utf-8", errors="replace")
        return 1


def _how(manager: Any) -> str:
    """How the kernel ended, as far as the system says it."""
    process = getattr(manager.provisioner, "process", None) if manager else None
    code = None if process is None else process.poll()
    if code is None:
        return ""
    if code >= 0:
        return f": it ended with exit code {code}"
    hint = ", as the system does when memory runs out" if code == -9 else ""
    return f": it was killed by signal {-code}{hint}"


def _plain(text: str) -> str:
    return _ESCAPES.sub("", text)


def _say(line: str) -> None:
    sys.stdout.write(line.rstrip("\n") + "\n")
    sys.stdout.flush()


def _keep_to(folder: str) -> None:
    """Let Jupyter and IPython write to the scratch folder only."""
    names = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    os.environ.update({name: str(Path(folder, name.lower())) for name in names})
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"


if __name__ == "__main__":
    given: dict[str, str] = json.loads(sys.argv[1])
    Path(given["scratch"]).mkdir(mode=0o700, exist_ok=True)
    _keep_to(given["scratch"])
    sys.exit(Driver(given).run())
