"""A model may be called whatever MLflow takes, and is found under its name however a client encodes it."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planes import Bench, bench
from sample_models import Doubler

from modelyard_serving.errors import UsageError
from modelyard_serving.http.exchange import Response
from modelyard_serving.settings import Settings

NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/:"), min_size=1, max_size=60
).filter(lambda name: name.strip() and name != "." and not name.startswith(".."))
ROW = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}]}


def encodings(name: str) -> set[str]:
    """As clients write it into a path."""
    wholly = "".join(f"%{byte:02x}" for byte in name.encode())
    as_it_is = quote(name, safe="é模").encode().decode("latin-1")
    return {
        quote(name, safe=""),
        quote(name),
        wholly,
        as_it_is,
        httpx.URL(f"http://h/{quote(name)}").raw_path.decode()[1:],
    }


async def answers(name: str) -> dict[str, list[Response]]:
    served = bench(Doubler(), name=name)
    return {
        encoded: [
            await served.ask("GET", f"/v2/models/{encoded}"),
            await served.ask("GET", f"/v2/models/{encoded}/versions/3/ready"),
            await served.ask("POST", f"/v2/models/{encoded}/infer", ROW),
        ]
        for encoded in encodings(name)
    }


class TestRoundTrip:
    @settings(max_examples=50, deadline=None)
    @given(name=NAMES)
    @example("my_model")
    @example("Fraud Model v2")
    @example("50% off?#&+;=@[]{}|\\^`~")
    @example("größe 模型 🦉")
    @example("versions")
    @example("a%2Fb%20c")
    @example("x" * 255)
    def test_a_model_answers_to_its_name_in_every_encoding(self, name: str) -> None:
        for encoded, (metadata, ready, inferred) in asyncio.run(answers(name)).items():
            assert (metadata.status, ready.status, inferred.status) == (200, 200, 200), encoded
            assert json.loads(metadata.body)["name"] == json.loads(inferred.body)["model_name"] == name

    @pytest.mark.parametrize(
        ("name", "other"), [("a b", "a%2520b"), ("a%20b", "a%20b"), ("a+b", "a%20b"), ("é", "e%CC%81"), ("A", "a")]
    )
    def test_a_name_that_is_only_alike_is_another_models(self, name: str, other: str) -> None:
        async def ask() -> Response:
            return await bench(Doubler(), name=name).ask("GET", f"/v2/models/{other}")

        assert asyncio.run(ask()).status == 404

    def test_the_document_names_no_parameter_where_a_name_has_braces(self) -> None:
        async def ask() -> Any:
            served: Bench = bench(Doubler(), name="{x} y")
            return json.loads((await served.ask("GET", "/openapi.json")).body)

        assert "/v2/models/%7Bx%7D%20y/infer" in asyncio.run(ask())["paths"]


class TestOption:
    @pytest.mark.parametrize("name", ["my_model", "Fraud Model v2", "größe", "x" * 255])
    def test_what_mlflow_takes_is_taken(self, name: str) -> None:
        assert Settings(path="model", name=name).name == name

    @pytest.mark.parametrize("name", ["", " ", ".", "..a", "a/b", "a:b", "a\nb", "a\ud800", "x" * 256])
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(UsageError, match="name must be 1 to 255 characters without"):
            Settings(path="model", name=name)
