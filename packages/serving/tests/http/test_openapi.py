"""The document of a model: valid, naming its tensors, with an example that can be sent as it is."""

import json

import pytest
from planes import MODEL_NAME, bench
from sample_models import Doubler, Identity

from modelyard_serving.http.describe import _DOCS

pytestmark = pytest.mark.anyio


class TestOpenApi:
    async def test_it_names_this_models_tensors_and_shapes(self) -> None:
        document = json.loads((await bench(Doubler()).ask("GET", "/openapi.json")).body)
        predict = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        rows = predict["schema"]["properties"]["inputs"]
        assert rows["items"] == {
            "type": "array",
            "items": {"type": "number", "format": "double"},
            "minItems": 2,
            "maxItems": 2,
        }
        assert "`x`: FP64 [-1, 2]" in document["info"]["description"]

    async def test_its_examples_can_be_sent_as_they_are(self) -> None:
        served = bench(Doubler())
        paths = json.loads((await served.ask("GET", "/openapi.json")).body)["paths"]
        for path in ("/predict", f"/v2/models/{MODEL_NAME}/infer"):
            example = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
            assert (await served.ask("POST", path, example)).status == 200

    async def test_every_path_that_it_names_is_there(self) -> None:
        served = bench(Doubler())
        for path, verbs in json.loads((await served.ask("GET", "/openapi.json")).body)["paths"].items():
            for verb in verbs:
                assert (await served.ask(verb.upper(), path)).status not in (404, 405)

    async def test_a_model_of_several_inputs_without_an_example_has_an_object_of_them(self) -> None:
        document = json.loads((await bench(Identity()).ask("GET", "/openapi.json")).body)
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert "example" not in content
        assert content["schema"]["properties"]["inputs"]["properties"]["int8"]["items"]["items"] == {"type": "integer"}

    async def test_the_page_needs_nothing_from_elsewhere(self) -> None:
        page = (await bench(Doubler()).ask("GET", "/docs")).body.decode()
        assert page == _DOCS.read_text()
        assert "https://" not in page
        assert "http://" not in page

    async def test_behind_a_proxy_it_names_the_address_by_which_the_caller_came(self) -> None:
        behind = {"host": "models.example.com", "x-forwarded-proto": "https", "x-forwarded-prefix": "/@acme/my%20model"}
        document = json.loads((await bench(Doubler()).ask("GET", "/openapi.json", **behind)).body)
        assert document["servers"] == [{"url": "https://models.example.com/@acme/my%20model"}]

    @pytest.mark.parametrize(
        "headers",
        [
            {"host": "127.0.0.1:8080"},
            {"host": "127.0.0.1", "x-forwarded-prefix": "/a b"},
            {"host": "127.0.0.1", "x-forwarded-prefix": "churn"},
            {"host": "127.0.0.1", "x-forwarded-prefix": f"/{'a' * 3000}"},
            {"host": "a/b", "x-forwarded-prefix": "/churn"},
            {"host": "127.0.0.1", "x-forwarded-proto": "javascript", "x-forwarded-prefix": "/churn"},
        ],
    )
    async def test_what_is_no_address_of_a_proxy_is_not_shown(self, headers: dict[str, str]) -> None:
        document = json.loads((await bench(Doubler()).ask("GET", "/openapi.json", **headers)).body)
        assert "servers" not in document
