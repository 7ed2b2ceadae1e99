"""What a request to the tracking server asks for, read as MLflow reads it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from modelyard.errors import Invalid

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(slots=True)
class TrackingRequest:
    """One call: its path's parts, and its parameters by the names of MLflow's API."""

    method: str
    path: Mapping[str, str]
    parameters: dict[str, Any] = field(default_factory=dict)
    is_changed: bool = False
    """Whether `parameters` are to be sent instead of the body that came."""

    def texts(self, *names: str) -> list[str]:
        """Every value of these parameters, of the path and of the rest, as text; those that are empty left out."""
        found = [self.path[name] for name in names if name in self.path]
        for name in names:
            value = self.parameters.get(name)
            found += [str(each) for each in (value if isinstance(value, list) else [value]) if each not in (None, "")]
        return found

    def objects(self, name: str) -> Iterator[dict[str, Any]]:
        """The objects in a list."""
        value = self.parameters.get(name)
        for each in value if isinstance(value, list) else []:
            if isinstance(each, dict):
                yield each

    def put(self, name: str, value: Any) -> None:
        """Set a parameter of the body."""
        self.parameters[name] = value
        self.is_changed = True


def read_query(query: bytes) -> dict[str, Any]:
    """The parameters of an address: each a list of all its values, so that none is overlooked."""
    return dict(parse_qs(query.decode("latin-1"), keep_blank_values=True))


def read_body(body: bytes) -> dict[str, Any]:
    """The parameters of a body. MLflow takes a field by its JSON name (`runId`) too, and an object inside of a string.

    Raises:
        Invalid: code `body_invalid`; what cannot be read cannot be decided on.
    """
    try:
        content = json.loads(body) if body.strip() else {}
        if isinstance(content, str):
            content = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise Invalid("the body is not JSON", code="body_invalid") from exc
    if not isinstance(content, dict):
        raise Invalid("the body is not a JSON object", code="body_invalid")
    plain: dict[str, Any] = _plain(content)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    named: dict[str, Any] = {}
    for name, inner in value.items():
        plain = _CAPITAL.sub("_", name).lower() if name.isidentifier() else name
        if plain in named:
            raise Invalid(f"the body names '{plain}' twice", code="body_invalid")
        named[plain] = _plain(inner)
    return named
