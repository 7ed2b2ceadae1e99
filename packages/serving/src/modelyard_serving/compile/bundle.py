"""The bundle of a compiled model: the graph, the report, and of the original only its `MLmodel`, which records the
origin."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import orjson

from modelyard_serving.bundle import SCHEMA, OpenedModel
from modelyard_serving.compile.compiler import Compilation
from modelyard_serving.errors import InvalidModel
from modelyard_serving.manifest import write_manifest
from modelyard_serving.mlmodel import MLMODEL
from modelyard_serving.runtimes.compiled import DESCRIPTION_FILE, GRAPH_FILE, REPORT_FILE
from modelyard_serving.served_version import BUNDLE

SOURCE = "compiled"
REQUIREMENTS = "modelyard-serving[onnx]\n"
"""The requirements of a compiled bundle; they are locked when its environment is built."""


def write_compiled_bundle(
    compilation: Compilation, opened: OpenedModel, *, original: Path, target: Path, example: Any = None
) -> None:
    """Write the bundle to a temporary folder next to `target` and rename it.

    Args:
        example: the payload on which the translation was tried, stored in the bundle: its server uses it to warm
            up, to measure whether batching pays, and in its documentation. The model's own where it is None.

    Raises:
        InvalidModel: there is something at `target` already: a bundle is never changed.
    """
    if compilation.graph is None or compilation.description is None:
        raise InvalidModel("a compilation that was not accepted makes no bundle")
    if target.exists():
        raise InvalidModel(f"there is something at {target} already; a bundle is never changed")
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(dir=target.parent, prefix=".compiled-"))
    try:
        _write_files(folder, compilation.graph, compilation.description.to_json(), compilation.report.to_json())
        _copy_origin(folder, original)
        if (payload := opened.example if example is None else example) is not None:
            (folder / "example.json").write_bytes(orjson.dumps(payload))
        (folder / BUNDLE).write_bytes(orjson.dumps(_description(opened), option=orjson.OPT_INDENT_2))
        (folder / "requirements.txt").write_text(REQUIREMENTS)
        write_manifest(folder)
        folder.chmod(0o755)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write_files(folder: Path, graph: bytes, description: bytes, report: bytes) -> None:
    path = folder / SOURCE
    path.mkdir()
    (path / GRAPH_FILE).write_bytes(graph)
    (path / DESCRIPTION_FILE).write_bytes(description)
    (path / REPORT_FILE).write_bytes(report)


def _copy_origin(folder: Path, original: Path) -> None:
    for path in (original / "model" / MLMODEL, original / MLMODEL):
        if path.is_file():
            (folder / "model").mkdir()
            shutil.copyfile(path, folder / "model" / MLMODEL)
            return


def _description(opened: OpenedModel) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "model": {
            "name": opened.name,
            "version": opened.version,
            "run_id": opened.run_id,
            "mlflow_uri": opened.mlflow_uri,
        },
        "runtime": "onnx",
        "source": SOURCE,
        "created_at": datetime.now(UTC).isoformat(),
    }
