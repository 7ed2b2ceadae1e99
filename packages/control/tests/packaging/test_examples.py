"""A version's example over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from access_platform import MODEL_FILES, Platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home: Path = tmp_path_factory.mktemp("examples") / "home"
    with Platform(home) as platform:
        yield platform


def example_of(platform: Platform, name: str, **files: bytes) -> object:
    run_id = platform.tracking.log_run("iris")
    platform.tracking.log_model(
        run_id, "model", {**MODEL_FILES, **{f"{file}.json": data for file, data in files.items()}}
    )
    made = platform.operator.post("/api/v1/ml/registry/models", json={"name": name, "artifact_id": run_id})
    assert made.status_code == 201, made.text
    answer = platform.operator.get(f"/api/v1/ml/registry/models/{name}/versions/1/example")
    assert answer.status_code == 200, answer.text
    return answer.json()["request"]


class TestExample:
    def test_it_is_a_body_for_predict(self, platform: Platform) -> None:
        split = {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}}
        found = example_of(platform, "framed", serving_input_example=json.dumps(split).encode())
        assert found == {"inputs": {"a": [1, 2], "b": ["x", "y"]}}

    def test_one_that_was_kept_as_it_came_is_read_too(self, platform: Platform) -> None:
        found = example_of(platform, "bare", input_example=b"[[1.0, 2.0]]")
        assert found == {"inputs": [[1.0, 2.0]]}

    @pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b'"text"', b'{"inputs": {}}'])
    def test_what_is_none_is_none(self, platform: Platform, content: bytes) -> None:
        name = f"odd-{abs(hash(content)) % 10**6}"
        assert example_of(platform, name, serving_input_example=content) is None
