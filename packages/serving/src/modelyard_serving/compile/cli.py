"""The command `modelyard-compile`: translate a model, verify the translation, and write the compiled bundle.

Exit codes: 0 when the translation was accepted, 1 when it was not (the report says why), 2 for wrong usage.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from modelyard_serving.bundle import OpenedModel, open_model
from modelyard_serving.errors import InvalidModel, MissingExtra, ServingError
from modelyard_serving.frames import decode_predict

_EPILOG = """examples:
  modelyard-compile ./model --output ./compiled
  modelyard-compile ./bundle --report report.json --json
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ServingError as error:
        sys.stderr.write(f"modelyard-compile: {error.message}\n")
        return 2


def _run(options: argparse.Namespace) -> int:
    try:
        from modelyard_serving.compile.bundle import write_compiled_bundle  # noqa: PLC0415  # After the parser's help.
        from modelyard_serving.compile.compiler import compile_model  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(extra="compile", needed_for="verified compilation") from error
    path = Path(options.path)
    output = Path(options.output) if options.output else path.with_name(f"{path.name}-compiled")
    if output.exists():
        raise InvalidModel(f"there is something at {output} already; a bundle is never changed")
    opened = open_model(str(path), name=options.name, version=options.model_version, trust_pickle=options.trust_pickle)
    example = _example(opened, options.example)
    inputs = decode_predict(orjson.dumps(example), None, opened.model.signature).inputs
    compilation = compile_model(opened.model, inputs)
    if options.report:
        Path(options.report).write_bytes(compilation.report.to_json())
    if compilation.report.accepted:
        write_compiled_bundle(compilation, opened, original=path, target=output, example=example)
    output_text = compilation.report.to_json().decode() if options.json else compilation.report.summary
    sys.stdout.write(f"{output_text}\n")
    return 0 if compilation.report.accepted else 1


def _example(opened: OpenedModel, path: str | None) -> Any:
    """The payload on which a translation is tried."""
    payload = _read(Path(path)) if path else opened.example
    if payload is None:
        raise InvalidModel("the model has no example to try a translation on: log it with one, or pass --example FILE")
    return payload


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InvalidModel(f"{path} is not a JSON file: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelyard-compile",
        description="Compile a model to ONNX, if the translation proves itself on rows around the model's example.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", help="a bundle, an MLflow model folder or a model file")
    parser.add_argument("--output", help="where the compiled bundle is written (default: PATH-compiled)")
    parser.add_argument("--report", help="also write the report to this file, accepted or not")
    parser.add_argument("--example", help="a JSON file with a payload of /predict, instead of the model's own example")
    parser.add_argument("--json", action="store_true", help="print the report instead of one sentence")
    parser.add_argument("--name", help="the model's name (default: the bundle's, or the path's)")
    parser.add_argument("--model-version", help="the model's version")
    parser.add_argument("--trust-pickle", action="store_true", help="load a bare pickle, which can run any code")
    return parser
