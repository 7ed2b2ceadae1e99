"""Server-side apply: who owns which field, what is merged, and what conflicts.

Fields are paths, as in `managedFields`: `f:name` of an object, `k:{...}` of a list that is merged by keys, `v:...` of a
set. What is atomic is one field.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from fake_kubernetes.schemas import Schema, resolved

Path = tuple[str, ...]
Fields = frozenset[Path]

_UNMANAGED = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata", "f:name"),
        ("f:metadata", "f:namespace"),
    }
)
_MISSING = object()


def fields_of(content: Mapping[str, Any], schema: Schema) -> Fields:
    """The fields that an object sets."""
    return frozenset(_leaves(content, schema, ())) - _UNMANAGED


def value_at(content: Any, path: Path, schema: Schema) -> Any:
    """What an object has at a path, or a value that is equal to nothing else."""
    for part in path:
        content = _child(content, part, schema)
        if content is _MISSING:
            return content
        schema = _child_schema(schema, part)
    return content


def merged(live: Mapping[str, Any], applied: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """The live object with what was applied over it."""
    found: dict[str, Any] = _merge(live, applied, schema)
    return found


def without(content: Mapping[str, Any], paths: Fields, schema: Schema) -> dict[str, Any]:
    """An object without these fields; a list's element whose key is all that is left goes as well."""
    kept = deepcopy(dict(content))
    for path in sorted(paths, key=len, reverse=True):
        _remove(kept, path, schema)
    return kept


def changed(before: Mapping[str, Any], after: Mapping[str, Any], schema: Schema) -> Fields:
    """The fields that an update sets to something else."""
    return frozenset(
        path for path in fields_of(after, schema) if value_at(before, path, schema) != value_at(after, path, schema)
    )


def to_fields_v1(fields: Fields) -> dict[str, Any]:
    """As `managedFields` has them."""
    tree: dict[str, Any] = {}
    for path in sorted(fields):
        node = tree
        for part in path:
            node = node.setdefault(part, {})
    return tree


def readable(path: Path) -> str:
    """As a conflict names it: `.spec.template.spec.containers[name="server"].image`."""
    text = ""
    for part in path:
        kind, _, name = part.partition(":")
        if kind == "f":
            text += f".{name}"
        elif kind == "k":
            keys = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(name).items())
            text += f"[{keys}]"
        else:
            text += f"[{name}]"
    return text


def _leaves(value: Any, schema: Schema, path: Path) -> Iterator[Path]:
    schema = resolved(schema)
    children = None if _is_atomic(value, schema) else list(_children(value, schema))
    if not children:
        yield path
        return
    if path and path[-1].startswith("k:"):
        yield (*path, ".")  # That the element is there is a field too.
    for part, child in children:
        yield from _leaves(child, _child_schema(schema, part), (*path, part))


def _is_atomic(value: Any, schema: Schema) -> bool:
    if isinstance(value, Mapping):
        return schema.get("x-kubernetes-map-type") == "atomic"
    return not isinstance(value, list) or schema.get("x-kubernetes-list-type", "atomic") == "atomic"


def _children(value: Any, schema: Schema) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"f:{name}", child) for name, child in value.items())
    elif schema.get("x-kubernetes-list-type") == "map":
        yield from ((_key(child, schema), child) for child in value)
    else:
        yield from ((f"v:{json.dumps(child)}", child) for child in value)


def _key(element: Mapping[str, Any], schema: Schema) -> str:
    keys = {
        name: element.get(name, "TCP" if name == "protocol" else None) for name in schema["x-kubernetes-list-map-keys"]
    }
    return "k:" + json.dumps(keys, sort_keys=True)


def _child(content: Any, part: str, schema: Schema) -> Any:
    if part == ".":
        return True
    if isinstance(content, Mapping):
        return content.get(part[2:], _MISSING)
    return next((child for name, child in _children(content or [], resolved(schema)) if name == part), _MISSING)


def _child_schema(schema: Schema, part: str) -> Schema:
    schema = resolved(schema)
    if part.startswith("f:"):
        known = schema.get("properties", {}).get(part[2:])
        extra = schema.get("additionalProperties")
        found: Schema = known if known is not None else extra if isinstance(extra, Mapping) else {}
        return found
    items: Schema = schema.get("items", {})
    return items


def _merge(live: Any, applied: Any, schema: Schema) -> Any:
    schema = resolved(schema)
    if live is None or _is_atomic(applied, schema):
        return deepcopy(applied)
    if isinstance(applied, Mapping):
        both = deepcopy(dict(live)) if isinstance(live, Mapping) else {}
        for name, child in applied.items():
            both[name] = _merge(both.get(name), child, _child_schema(schema, f"f:{name}"))
        return both
    found = dict(_children(live, schema))
    for part, child in _children(applied, schema):
        found[part] = _merge(found.get(part), child, _child_schema(schema, part))
    return list(found.values())


def _remove(content: Any, path: Path, schema: Schema) -> None:
    *parents, last = path
    for part in parents:
        if last == "." and part == parents[-1]:
            break
        content = _child(content, part, schema)
        if content is _MISSING:
            return
        schema = _child_schema(schema, part)
    if last == ".":
        last = parents[-1]
        element = _child(content, last, schema)
        keys = set(json.loads(last[2:]))
        if isinstance(element, Mapping) and not set(element) <= keys:
            return
    if isinstance(content, dict):
        content.pop(last[2:], None)
    elif isinstance(content, list):
        content[:] = [child for part, child in _children(content, resolved(schema)) if part != last]
