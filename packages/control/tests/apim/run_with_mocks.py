"""Runs programs of Pulumi with Pulumi's mocks, in an interpreter that has its packages; for each it prints a line
with what is declared, or why it does not run. Each runs in a fork: the packages are slow to import, and keep state."""

import json
import os
import runpy
import sys
from typing import Any

import pulumi
from pulumi.runtime import Mocks, set_mocks


class _Recorder(Mocks):  # type: ignore[misc]  # Its package is not among those that are checked.
    def __init__(self) -> None:
        self.resources: list[dict[str, Any]] = []

    def new_resource(self, args: Any) -> tuple[str, dict[str, Any]]:
        self.resources.append({"type": args.typ, "name": args.name, "inputs": dict(args.inputs)})
        # A resource gets the name of its kind here, so that names that Pulumi makes up do not differ.
        return f"id of {args.typ}", {**args.inputs, "name": f"name of {args.typ}", "location": "westeurope"}

    def call(self, args: Any) -> dict[str, Any]:
        return {**args.args, "name": args.args.get("serviceName"), "publicIPAddresses": []}


def _declared(file: str) -> dict[str, Any]:
    recorder, exports = _Recorder(), []
    set_mocks(recorder, preview=False)
    pulumi.runtime.set_all_config({"project:resourceGroupName": "ml", "project:serviceName": "contoso-apim"})
    pulumi.export = lambda name, _: exports.append(name)

    async def run() -> None:
        runpy.run_path(file)

    try:
        pulumi.runtime.test(run)()
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is printed
        return {"error": f"{type(exc).__name__}: {exc}"}
    return {"resources": recorder.resources, "exports": exports}


for _program in sys.argv[1:]:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        sys.stdout.write(json.dumps(_declared(_program)) + "\n")
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
