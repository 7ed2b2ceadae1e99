"""OpenAPI 3.1 as 3.0: what each keyword becomes, and that nothing that was accepted is refused."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from modelyard.apim.openapi import as_3_0, imported_document
from modelyard.errors import Invalid

_SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
_TYPES = st.sampled_from(["string", "integer", "boolean", "array", "null", "number"])


def _document(schema: Any, **rest: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    operation = {"requestBody": {"content": content}, "responses": {"200": {"description": "OK"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "churn", "version": "1"},
        "paths": {"/predict": {"post": operation}, "/metrics": {"get": {"responses": {}}}},
        **rest,
    }


def _schema(schema: Any) -> Any:
    converted = as_3_0(_document(schema))
    return converted["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]


class TestKeywords:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"type": ["number", "null"], "format": "double"},
             {"format": "double", "nullable": True, "type": "number"}),
            ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
            ({"type": ["string", "integer", "null"]},
             {"anyOf": [{"type": "string", "nullable": True}, {"type": "integer", "nullable": True}]}),
            ({"type": "null"}, {"enum": [None]}),
            ({"const": "FP64"}, {"enum": ["FP64"]}),
            ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
            ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
            ({"exclusiveMaximum": 5, "maximum": 3}, {"maximum": 3}),
            ({"exclusiveMinimum": 5, "minimum": 3}, {"minimum": 5, "exclusiveMinimum": True}),
            ({"type": "array", "prefixItems": [{"const": 3}], "minItems": 1, "maxItems": 1},
             {"type": "array", "minItems": 1, "maxItems": 1, "items": {"enum": [3]}}),
            ({"type": "array", "prefixItems": [{"type": "string"}, {"const": 1}], "items": False},
             {"type": "array", "items": {"anyOf": [{"type": "string"}, {"enum": [1]}]}, "maxItems": 2}),
            ({"type": "array"}, {"type": "array", "items": {}}),
            ({"$ref": "#/components/schemas/Error", "description": "Why."},
             {"description": "Why.", "allOf": [{"$ref": "#/components/schemas/Error"}]}),
            ({"type": "string", "contentEncoding": "base64"}, {"type": "string", "format": "byte"}),
            ({"properties": {"a": True}, "additionalProperties": False, "unevaluatedProperties": False},
             {"properties": {"a": {}}, "additionalProperties": False}),
            (False, {"not": {}}),
        ],
    )  # fmt: skip
    def test_a_keyword_of_3_1(self, before: Any, after: Any) -> None:
        assert _schema(before) == after

    @pytest.mark.parametrize(
        ("schema", "field"), [({"$defs": {}}, "schema.$defs"), ({"properties": {"a": {"$defs": {}}}}, "schema.a.$defs")]
    )
    def test_what_would_be_another_meaning_is_refused_by_name(self, schema: Any, field: str) -> None:
        with pytest.raises(Invalid) as caught:
            _schema(schema)
        assert caught.value.field == field

    def test_webhooks_are_refused(self) -> None:
        with pytest.raises(Invalid, match=r"webhooks: OpenAPI 3\.0 has none"):
            as_3_0(_document({}, webhooks={"a": {}}))

    def test_another_version_is_refused(self) -> None:
        with pytest.raises(Invalid, match=r"expected 3\.0 or 3\.1, got '2\.0'"):
            as_3_0({"openapi": "2.0"})


class TestDocument:
    def test_examples_of_a_body_stay_as_they_are(self) -> None:
        document = _document({"type": "object"})
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        content["example"] = {"inputs": {"const": [1], "type": ["a"]}}

        converted = as_3_0(document)["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert converted["example"] == {"inputs": {"const": [1], "type": ["a"]}}

    def test_a_summary_becomes_the_begin_of_the_description(self) -> None:
        info = {
            "title": "churn",
            "version": "1",
            "summary": "Short.",
            "description": "Long.",
            "license": {"name": "MIT"},
        }

        assert as_3_0(_document({}, info=info))["info"] == {
            "title": "churn",
            "version": "1",
            "description": "Short.\n\nLong.",
            "license": {"name": "MIT"},
        }

    def test_what_a_gateway_does_not_give_to_callers_is_left_out(self) -> None:
        assert list(imported_document(_document({}))["paths"]) == ["/predict"]

    def test_the_given_document_is_not_changed(self) -> None:
        document = _document({"type": ["string", "null"]})
        before = copy.deepcopy(document)

        as_3_0(document)
        assert document == before

    def test_a_document_of_3_0_stays(self) -> None:
        document = {**_document({}), "openapi": "3.0.1"}
        assert as_3_0(document) is document


@st.composite
def _schemas(draw: st.DrawFn) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if draw(st.booleans()):
        schema["type"] = draw(_TYPES | st.lists(_TYPES, min_size=1, max_size=3, unique=True))
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["exclusiveMinimum", "exclusiveMaximum", "minimum", "maximum"]))] = draw(
            st.integers(-3, 3)
        )
    if draw(st.booleans()):
        schema["const"] = draw(_SCALARS)
    if draw(st.booleans()):
        schema["prefixItems"] = draw(st.lists(st.sampled_from([{"type": "integer"}, {"const": "a"}, {}]), min_size=1))
    if draw(st.booleans()):
        schema["items"] = draw(st.sampled_from([{"type": "string"}, {"type": ["integer", "null"]}, {}]))
    return schema


@given(schema=_schemas(), value=_VALUES)
def test_what_3_1_accepts_3_0_accepts(schema: dict[str, Any], value: Any) -> None:
    if Draft202012Validator(schema).is_valid(value):
        assert Draft4Validator(_without_nullable(_schema(schema))).is_valid(value)


def _without_nullable(schema: Any) -> Any:
    """A schema of 3.0 in JSON Schema's own words."""
    if isinstance(schema, list):
        return [_without_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _without_nullable(value) for key, value in schema.items() if key not in ("nullable", "enum")}
    plain |= {"enum": schema["enum"]} if "enum" in schema else {}
    return {**plain, "type": [plain["type"], "null"]} if schema.get("nullable") else plain
