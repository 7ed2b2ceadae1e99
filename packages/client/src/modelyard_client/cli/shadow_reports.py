"""Prints how the answers of a shadow compare with those that callers get."""

from collections.abc import Mapping
from typing import Any

from modelyard_client.cli.options import Output
from modelyard_client.cli.terminal import print_facts, print_json, print_table


def print_comparison(found: Mapping[str, Any], output: Output) -> None:
    """Of a roll-out, or of a shadow that was set by hand."""
    if output is Output.JSON:
        print_json(found)
        return
    tolerance = found["tolerance"]
    print_facts(
        {
            "answers": f"version {found['former']}",
            "shadow": f"version {found['candidate']}",
            "tolerance": "not compared" if tolerance is None else f"{tolerance:g}",
            **{name: found[name] for name in ("compared", "different", "former_ms", "candidate_ms")},
        }
    )
    print_table(("request", "difference"), ((one["request_id"], one["difference"]) for one in found["differences"]))
