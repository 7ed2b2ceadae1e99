"""An OpenAPI 3.1 document as 3.0, for what imports no newer one. Pure.

Every 3.0 document that comes of it accepts what the 3.1 document accepts. A keyword that 3.0 does not have is said with
those that it has, or left out where it only narrows; what would be another meaning is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.errors import Invalid

_VERSION = "3.0.3"
_HIDDEN = frozenset({"/metrics", "/ping"})
"""Paths of a model server that no gateway gives to callers."""
_NARROWING = frozenset(
    {
        "$anchor", "$comment", "$dynamicAnchor", "$id", "$schema", "$vocabulary", "contains", "contentSchema",
        "dependentRequired", "dependentSchemas", "else", "if", "maxContains", "minContains", "patternProperties",
        "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_OF_3_1 = ("webhooks", "jsonSchemaDialect")
_SCHEMAS = frozenset({"additionalProperties", "items", "not"})
_SCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf"})


def imported_document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A model server's document as a gateway imports it: 3.0, without what callers of a gateway do not reach."""
    converted = dict(as_3_0(document))
    converted.pop("servers", None)
    converted["paths"] = {path: item for path, item in converted["paths"].items() if path not in _HIDDEN}
    return converted


def as_3_0(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document in OpenAPI 3.0. One of 3.0 stays as it is.

    Raises:
        Invalid: code `openapi_unsupported`: it is of another version, or has what 3.0 cannot say.
    """
    version = str(document.get("openapi", ""))
    if version.startswith("3.0."):
        return document
    if not version.startswith("3.1."):
        raise _unsupported("openapi", f"expected 3.0 or 3.1, got {version!r}")
    if document.get("webhooks"):
        raise _unsupported("webhooks", "OpenAPI 3.0 has none")
    if document.get("components", {}).get("pathItems"):
        raise _unsupported("components.pathItems", "OpenAPI 3.0 has none")
    converted = {key: _value(key, value) for key, value in document.items() if key not in _OF_3_1}
    return {**converted, "openapi": _VERSION, "info": _info(document["info"]), "paths": converted.get("paths", {})}


def _info(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """A summary becomes the first words of the description; a licence has no identifier yet."""
    described = "\n\n".join(text for text in (info.get("summary"), info.get("description")) if text)
    kept = {key: value for key, value in info.items() if key not in ("summary", "description", "license")}
    if described:
        kept["description"] = described
    if "license" in info:
        kept["license"] = {key: value for key, value in info["license"].items() if key != "identifier"}
    return kept


def _value(key: str, value: Any) -> Any:
    """Anything outside of a schema; `schema` and what `schemas` has by name are converted as schemas."""
    if key in ("example", "examples", "default", "enum", "mapping"):
        return value
    if key == "schema":
        return _schema(value, "schema")
    if key == "schemas" and isinstance(value, Mapping):
        return {name: _schema(each, name) for name, each in value.items()}
    if isinstance(value, Mapping):
        return {name: _value(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_value("", each) for each in value]
    return value


def _schema(schema: Any, place: str) -> dict[str, Any]:
    """One schema."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    if "$defs" in schema:
        raise _unsupported(f"{place}.$defs", "expected schemas below components")
    if "$ref" in schema and len(schema) > 1:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _schema({**rest, "allOf": [{"$ref": schema["$ref"]}, *rest.get("allOf", [])]}, place)
    converted = {
        key: _keyword(key, value, place)
        for key, value in schema.items()
        if key not in _NARROWING and key not in _REPLACED
    }
    for keyword, replace in _REPLACED.items():
        if keyword in schema:
            replace(converted, schema, place)
    if converted.get("type") == "array":
        converted.setdefault("items", {})
    return converted


def _keyword(key: str, value: Any, place: str) -> Any:
    if key in _SCHEMAS and not (key == "additionalProperties" and isinstance(value, bool)):
        return _schema(value, f"{place}.{key}")
    if key in _SCHEMA_LISTS:
        return [_schema(each, f"{place}.{key}") for each in value]
    if key == "properties":
        return {name: _schema(each, f"{place}.{name}") for name, each in value.items()}
    return value


def _type(converted: dict[str, Any], schema: Mapping[str, Any], place: str) -> None:
    """Several types are alternatives, and null is a property of each."""
    types = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    others = [each for each in types if each != "null"]
    # It counts beside a type only, so alternatives have it each.
    nullable = {"nullable": True} if len(others) < len(types) else {}
    if len(others) == 1:
        converted |= {"type": others[0], **nullable}
    elif len(others) > 1:
        alternatives: list[dict[str, Any]] = [{"type": each, **nullable} for each in others]
        for each in alternatives:
            if each["type"] == "array":
                each["items"] = converted.get("items", {})
        converted.pop("items", None)
        if "anyOf" in converted:
            raise _unsupported(f"{place}.type", "expected one type where anyOf stands, got several")
        converted["anyOf"] = alternatives
    else:
        converted["enum"] = [None]


def _const(converted: dict[str, Any], schema: Mapping[str, Any], _: str) -> None:
    converted["enum"] = [schema["const"]]


def _examples(converted: dict[str, Any], schema: Mapping[str, Any], _: str) -> None:
    if schema["examples"] and "example" not in schema:
        converted["example"] = schema["examples"][0]


def _prefix_items(converted: dict[str, Any], schema: Mapping[str, Any], place: str) -> None:
    """Items by their places become items of one of these kinds; how many there are is kept."""
    kinds: list[dict[str, Any]] = []
    rest: Sequence[Any] = [] if schema.get("items") is False or _is_full(schema) else [schema.get("items", True)]
    for each in (*schema["prefixItems"], *rest):
        kind = _schema(each, f"{place}.prefixItems")
        if kind not in kinds:
            kinds.append(kind)
    converted["items"] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}
    if schema.get("items") is False:
        converted.setdefault("maxItems", len(schema["prefixItems"]))


def _is_full(schema: Mapping[str, Any]) -> bool:
    return "items" not in schema and schema.get("maxItems", float("inf")) <= len(schema["prefixItems"])


def _exclusive(bound: str) -> Any:
    name = f"exclusive{bound.capitalize()}"

    def replace(converted: dict[str, Any], schema: Mapping[str, Any], _: str) -> None:
        """The stricter of both bounds; a number here, and a mark of the other bound there."""
        limit, other = schema[name], schema.get(bound)
        is_stricter = other is None or (limit >= other if bound == "minimum" else limit <= other)
        if is_stricter:
            converted[bound], converted[name] = limit, True

    return replace


def _content(converted: dict[str, Any], schema: Mapping[str, Any], _: str) -> None:
    if schema.get("type", "string") == "string":
        converted["format"] = "byte" if schema.get("contentEncoding") == "base64" else "binary"


_REPLACED = {
    "type": _type,
    "const": _const,
    "examples": _examples,
    "prefixItems": _prefix_items,
    "exclusiveMinimum": _exclusive("minimum"),
    "exclusiveMaximum": _exclusive("maximum"),
    "contentEncoding": _content,
    "contentMediaType": _content,
}
"""Keywords of 3.1 that 3.0 says otherwise, and how."""


def _unsupported(field: str, reason: str) -> Invalid:
    return Invalid(f"{field}: {reason}", code="openapi_unsupported", field=field)
