"""Ours: the compiled bundle, the model as MLflow logged it, and the other forms in which one hands a model over."""

from pathlib import Path

from benchmarks.serving.dialects import MODEL, OpenInference
from benchmarks.serving.peers.peer import OURS, Peer, Place, Start
from benchmarks.serving.workloads import Form

_FROZEN_S = "86400"
"""A server that stands still while others are measured is not one that hangs."""
DIALECT = OpenInference(Form.JSON, Form.BINARY, Form.GRPC)


def _compiled(place: Place) -> Start:
    return _serve(place, place.case.bundle or place.case.mlflow_folder)


def _native(place: Place) -> Start:
    return _serve(place, place.case.mlflow_folder)


def _of_pickle(place: Place) -> Start:
    return _serve(place, place.case.bundle_of_pickle or place.case.mlflow_folder)


def _of_graph(place: Place) -> Start:
    return _serve(place, place.case.graph or place.case.mlflow_folder)


def _serve(place: Place, path: Path) -> Start:
    ports = ["--port", str(place.http_port), "--grpc-port", str(place.grpc_port)]
    options = ["--name", MODEL, "--version", "1", *ports, "--log-level", "warning", "--hang-timeout-s", _FROZEN_S]
    return Start([str(OURS.folder / "bin" / "modelyard-serve"), str(path), *options])


COMPILED = Peer(
    name="modelyard",
    title="Modelyard, compiled",
    environment=OURS,
    dialect=DIALECT,
    start=_compiled,
    settings="`modelyard-serve` at its defaults, but for the watch on hanging, on what `modelyard-compile` wrote",
    serves=lambda case: case.bundle is not None,
)
NATIVE = Peer(
    name="modelyard-native",
    title="Modelyard, native",
    environment=OURS,
    dialect=DIALECT,
    start=_native,
    settings="the same on the folder that MLflow wrote",
)
OF_PICKLE = Peer(
    name="modelyard-joblib",
    title="Modelyard, compiled from a pickle",
    environment=OURS,
    dialect=DIALECT,
    start=_of_pickle,
    settings="the same on what `modelyard-compile --example` made of the pickle",
    serves=lambda case: case.bundle_of_pickle is not None,
)
OF_GRAPH = Peer(
    name="modelyard-onnx",
    title="Modelyard, an ONNX file",
    environment=OURS,
    dialect=OpenInference(Form.JSON, Form.BINARY, Form.GRPC, output="label"),
    start=_of_graph,
    settings="the same on the graph that skl2onnx exports, which brings no example; it is asked for its labels alone, "
    "which the others answer",
    serves=lambda case: case.graph is not None,
)
FORMS = (COMPILED, OF_PICKLE, OF_GRAPH)
"""The same model, whatever one hands over."""
