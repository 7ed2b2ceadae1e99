"""Ours: the compiled bundle, and the model as MLflow logged it."""

from pathlib import Path

from benchmarks.serving.dialects import MODEL, OpenInference
from benchmarks.serving.peers.peer import WORKSPACE, WORKSPACE_BIN, Peer, Place, Start
from benchmarks.serving.workloads import Form

DIALECT = OpenInference(Form.JSON, Form.BINARY, Form.GRPC)


def _compiled(place: Place) -> Start:
    return _serve(place, place.case.bundle or place.case.mlflow_folder)


def _native(place: Place) -> Start:
    return _serve(place, place.case.mlflow_folder)


def _serve(place: Place, path: Path) -> Start:
    options = ["--name", MODEL, "--version", "1", "--port", str(place.http_port), "--grpc-port", str(place.grpc_port)]
    return Start([str(WORKSPACE_BIN / "modelyard-serve"), str(path), *options, "--log-level", "warning"])


COMPILED = Peer(
    name="modelyard",
    title="Modelyard, compiled",
    environment=WORKSPACE,
    dialect=DIALECT,
    start=_compiled,
    settings="`modelyard-serve` at its defaults on the bundle that `modelyard-compile` wrote",
    serves=lambda case: case.bundle is not None,
)
NATIVE = Peer(
    name="modelyard-native",
    title="Modelyard, native",
    environment=WORKSPACE,
    dialect=DIALECT,
    start=_native,
    settings="`modelyard-serve` at its defaults on the folder that MLflow wrote",
)
