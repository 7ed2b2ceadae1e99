"""The command `modelyard-conformance`: checks every rule against one server and prints the results.

Exit codes: 0 when no MUST fails, 1 when one does, 2 for wrong usage or when no server responds.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelyard_serving.conformance.http import Http
from modelyard_serving.conformance.report import Report
from modelyard_serving.conformance.rules import Check
from modelyard_serving.conformance.subject import DiscoveryError, Subject, discover
from modelyard_serving.conformance.suite import Result, Suite
from modelyard_serving.conformance.table import SIGNS, print_report

EXAMPLES = """examples:
  modelyard-conformance http://127.0.0.1:8080
  modelyard-conformance http://127.0.0.1:8080 --grpc 127.0.0.1:8081 --output json > result.json
  modelyard-conformance http://127.0.0.1:8080 --model iris --check R6.2 --verbose
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ImportError as exc:
        return _fail(f"the suite needs an extra: pip install 'modelyard-serving[conformance]' ({exc.name} is missing)")
    except (ValueError, DiscoveryError) as exc:
        return _fail(str(exc))


def _run(options: argparse.Namespace) -> int:
    from modelyard_serving.conformance.checks import CHECKS  # noqa: PLC0415 - needs grpcio.
    from modelyard_serving.conformance.rpc import Rpc  # noqa: PLC0415 - needs grpcio.

    checks = [check for check in CHECKS if not options.check or check.rule.id.startswith(tuple(options.check))]
    http = Http(options.url, timeout=options.timeout)
    with Rpc(options.grpc, timeout=options.timeout) if options.grpc else nullcontext() as rpc:
        example = _example(options.request)
        models = options.model or [discover(http)]
        subjects = [Subject(http, model=model, rpc=rpc, example=example) for model in models]
        results = tuple(_followed(Suite(subjects, patience=options.patience).run(checks), checks))
        report = _report(options, subjects[0], results)
    if options.output == "json":
        json.dump(report.to_json(), sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        print_report(report, is_verbose=options.verbose)
    return 0 if report.is_conformant else 1


def _report(options: argparse.Namespace, subject: Subject, results: tuple[Result, ...]) -> Report:
    server = f"{subject.server_metadata.get('name', '?')} {subject.server_metadata.get('version', '')}".strip()
    return Report(
        label=options.label or server,
        url=subject.http.url,
        grpc=options.grpc,
        models=tuple(options.model or [subject.model]),
        server=server,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        results=results,
    )


def _followed(results: Iterator[Result], checks: Sequence[Check]) -> Iterator[Result]:
    """The results as they arrive, with a progress line on a terminal."""
    is_terminal = sys.stderr.isatty()
    for number, result in enumerate(results, start=1):
        if is_terminal:
            sys.stderr.write(f"\r\x1b[K{number}/{len(checks)} {result.rule.id} {SIGNS[result.outcome]}")
        yield result
    if is_terminal:
        sys.stderr.write("\r\x1b[K")


def _example(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        request = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise ValueError(f"--request {path}: {exc}") from exc
    if not isinstance(request, dict) or not isinstance(request.get("inputs"), list):
        raise ValueError(f"--request {path}: expected an object with a list of inputs")  # noqa: TRY004 - wrong usage.
    return request


def _fail(message: str) -> int:
    sys.stderr.write(f"modelyard-conformance: {message}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelyard-conformance",
        description="Ask a server of the Open Inference Protocol every rule, over REST, gRPC and with binary tensors.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", metavar="URL", help="where the server answers HTTP")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="where it answers gRPC; without it these rules are skipped")
    parser.add_argument(
        "--model",
        metavar="NAME",
        action="append",
        help="the model to ask, the first ready one without it; may be repeated, then a rule has to hold for each",
    )
    parser.add_argument("--request", metavar="FILE", type=Path, help="a valid JSON request, where made-up values fail")
    parser.add_argument("--check", metavar="ID", action="append", help="only rules whose id begins so; may be repeated")
    parser.add_argument("--label", help="the name of this server in tables")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument("--verbose", action="store_true", help="show every rule, not only those that fail")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=10, help="of one request (default 10)")
    parser.add_argument(
        "--patience", metavar="SECONDS", type=float, default=20, help="wait for a server that is gone (default 20)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
