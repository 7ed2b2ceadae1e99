"""The same request as people send it: curl, Python, tritonclient. Pure."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_DIMENSIONS = 32
"""Of an array in NumPy."""
_FLOATS = ("FP64", "np.float64")
_TENSORS = {
    frozenset({str}): ("BYTES", "object"),
    frozenset({bool}): ("BOOL", "bool"),
    frozenset({int}): ("INT64", "np.int64"),
    frozenset({float}): _FLOATS,
    frozenset({int, float}): _FLOATS,
}
"""By the types of JSON's values, the datatype of a tensor that holds them, and NumPy's."""


def snippets(
    url: str, model: str, body: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()
) -> Sequence[tuple[str, str]]:
    """A name and a text for each way to send a body of `/predict`; tritonclient for columns and rows of one type.

    Args:
        url: of the deployment, or of the model's stable address.
        body: `{"inputs": ...}`, columns by name or nested lists.
        headers: sent along.
    """
    text = json.dumps(body, ensure_ascii=False)
    found = [("curl", _curl(url, text, headers)), ("Python", _python(url, text, headers))]
    if (triton := _triton(url, model, body.get("inputs"), headers)) is not None:
        found.append(("tritonclient", triton))
    return found


def _curl(url: str, text: str, headers: Sequence[tuple[str, str]]) -> str:
    parts = [
        f"curl -s {shlex.quote(url + '/predict')}",
        "-H 'Content-Type: application/json'",
        *(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers),
        f"-d {shlex.quote(text)}",
    ]
    return " \\\n  ".join(parts)


def _python(url: str, text: str, headers: Sequence[tuple[str, str]]) -> str:
    sent = f", headers={list(headers)!r}" if headers else ""
    return (
        "import json\n"
        "import httpx\n\n"
        f"body = json.loads({text!r})\n"
        f"print(httpx.post({url + '/predict'!r}, json=body{sent}).raise_for_status().json())"
    )


def _triton(url: str, model: str, inputs: Any, headers: Sequence[tuple[str, str]]) -> str | None:
    """Columns by name are inputs of their own; a nested list is the one input of the model."""
    columns = inputs if isinstance(inputs, dict) else {"input": inputs}
    lines = []
    for name, values in columns.items():
        kind = _kind(values)
        if kind is None:
            return None
        datatype, dtype = kind
        shaped = [[value] for value in values] if isinstance(inputs, dict) else values
        lines += [
            f"values = np.array({shaped!r}, dtype={dtype})",
            f"inputs.append(http.InferInput({name!r}, values.shape, {datatype!r}))",
            "inputs[-1].set_data_from_numpy(values)",
        ]
    host = url.partition("://")[2]
    sent = f", headers={dict(headers)!r}" if headers else ""
    return "\n".join(
        [
            "import numpy as np",
            "import tritonclient.http as http",
            "",
            f"client = http.InferenceServerClient({host!r}, ssl={url.startswith('https')})",
            "inputs = []",
            *lines,
            f"answer = client.infer({model!r}, inputs{sent})",
            "print({each['name']: answer.as_numpy(each['name']) for each in answer.get_response()['outputs']})",
        ]
    )


def _kind(values: Any) -> tuple[str, str] | None:
    """The datatype of a tensor that holds the values, and NumPy's; None where they are of several kinds."""
    if not isinstance(values, list):
        return None
    level = values
    types: set[type] = set()
    for _ in range(_MOST_DIMENSIONS):
        types |= {type(value) for value in level if not isinstance(value, list)}
        level = [value for inner in level if isinstance(inner, list) for value in inner]
        if not level:
            return _TENSORS.get(frozenset(types))
    return None
