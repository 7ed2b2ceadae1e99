"""A model's input example becomes a request of `/predict`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelyard.packaging.example import example_of

MakeModel = Callable[[Any], Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a model folder with this input example."""

    def make(content: Any, *, path: str = "input_example.json") -> Path:
        (tmp_path / "MLmodel").write_text(yaml.safe_dump({"saved_input_example_info": {"artifact_path": path}}))
        (tmp_path / "input_example.json").write_text(json.dumps(content))
        return tmp_path

    return make


class TestExample:
    def test_a_frame_becomes_columns(self, make_model: MakeModel) -> None:
        folder = make_model({"columns": ["age", "city"], "data": [[41, "Ulm"], [7, None]]})

        assert example_of(folder) == {"inputs": {"age": [41, 7], "city": ["Ulm", None]}}

    def test_an_empty_frame_keeps_its_columns(self, make_model: MakeModel) -> None:
        assert example_of(make_model({"columns": ["a", "b"], "data": []})) == {"inputs": {"a": [], "b": []}}

    def test_an_array_stays_nested_lists(self, make_model: MakeModel) -> None:
        assert example_of(make_model({"inputs": [[1.5, 2.0]]})) == {"inputs": [[1.5, 2.0]]}

    def test_named_arrays_stay_named(self, make_model: MakeModel) -> None:
        assert example_of(make_model({"inputs": {"a": [1], "b": [2]}})) == {"inputs": {"a": [1], "b": [2]}}

    def test_what_json_cannot_say_is_missing(self, make_model: MakeModel) -> None:
        folder = make_model({"columns": ["a"], "data": [[float("nan")], [float("inf")], [1.0]]})

        assert example_of(folder) == {"inputs": {"a": [None, None, 1.0]}}

    @pytest.mark.parametrize("content", [[1, 2], "text", None, {"other": 1}])
    def test_any_other_example_is_none(self, make_model: MakeModel, content: object) -> None:
        assert example_of(make_model(content)) is None

    @pytest.mark.parametrize("content", [b"{", b"\xff", b""])
    def test_a_broken_example_is_none(self, make_model: MakeModel, content: bytes) -> None:
        folder = make_model({})
        (folder / "input_example.json").write_bytes(content)

        assert example_of(folder) is None

    def test_a_model_without_an_example_has_none(self, tmp_path: Path) -> None:
        (tmp_path / "MLmodel").write_text("flavors: {}\n")

        assert example_of(tmp_path) is None

    @pytest.mark.parametrize("path", ["../secret.json", "/etc/hostname", "missing.json", ""])
    def test_a_file_outside_of_the_model_is_not_read(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "secret.json").write_text('{"inputs": [1]}')
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "MLmodel").write_text(yaml.safe_dump({"saved_input_example_info": {"artifact_path": path}}))

        assert example_of(folder) is None
