"""The schemas of Kubernetes 1.37: what an object may be, and how each of its parts is merged."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import referencing
from referencing.jsonschema import DRAFT202012

Schema = Mapping[str, Any]

VERSION = "v1.37.0"
_GROUPS = {
    "v1": "io.k8s.api.core.v1",
    "apps/v1": "io.k8s.api.apps.v1",
    "autoscaling/v1": "io.k8s.api.autoscaling.v1",
    "autoscaling/v2": "io.k8s.api.autoscaling.v2",
    "policy/v1": "io.k8s.api.policy.v1",
}
_ANYTHING: Schema = {"type": "object"}


@cache
def definitions() -> Mapping[str, Schema]:
    """All that the specification defines, by name."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"{VERSION}-local-strict"
    content: Mapping[str, Mapping[str, Schema]] = json.loads((folder / "_definitions.json").read_text())
    return content["$defs"]


def schema_of(api_version: str, kind: str) -> Schema:
    """Of a kind of objects; of one that somebody has added (a custom resource), any object."""
    return definitions().get(f"{_GROUPS.get(api_version)}.{kind}", _ANYTHING)


def resolved(schema: Schema) -> Schema:
    """The definition that a schema refers to, with what the reference itself says over it."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return {**definitions()[reference.rpartition("/")[2]], **{key: one for key, one in schema.items() if key != "$ref"}}


def problems(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with an object: the field and a sentence."""
    name = f"{_GROUPS.get(content['apiVersion'])}.{content['kind']}"
    if name not in definitions():
        return
    for error in _validator(name).iter_errors(content):
        yield ".".join(str(part) for part in error.absolute_path), error.message


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    document = {"$defs": definitions(), "$ref": f"#/$defs/{name}"}
    registry: Any = referencing.Registry().with_resource("", DRAFT202012.create_resource(document))
    return jsonschema.Draft202012Validator(document, registry=registry)
