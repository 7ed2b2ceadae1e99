"""MLflow's `MLmodel` file, read as text that somebody else wrote."""

import json
from pathlib import Path

import pytest

from modelyard.errors import Invalid
from modelyard.registry.mlmodel import read_mlmodel, read_signature

INPUTS = [{"name": "age", "type": "long", "required": True}]


def write(folder: Path, text: str | bytes) -> Path:
    (folder / "MLmodel").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def signed(inputs: object) -> str:
    return json.dumps({"signature": {"inputs": inputs, "outputs": None, "params": None}})


class TestReadMlmodel:
    def test_it_is_read_as_yaml(self, tmp_path: Path) -> None:
        assert read_mlmodel(write(tmp_path, "flavors:\n  sklearn: {}\n")) == {"flavors": {"sklearn": {}}}

    @pytest.mark.parametrize("text", ["", "- a list", "a word"])
    def test_one_that_is_no_mapping_says_nothing(self, tmp_path: Path, text: str) -> None:
        assert read_mlmodel(write(tmp_path, text)) == {}

    def test_where_there_is_none_it_says_nothing(self, tmp_path: Path) -> None:
        assert read_mlmodel(tmp_path) == {}

    @pytest.mark.parametrize("text", ["a: [", b"\xff\xfe\xff", "a: !!python/object/apply:os.getpid []", "[" * 5000])
    def test_one_that_is_not_yaml_is_refused_and_nothing_of_it_is_made(self, tmp_path: Path, text: str | bytes) -> None:
        with pytest.raises(Invalid) as caught:
            read_mlmodel(write(tmp_path, text))
        assert caught.value.code == "mlmodel_invalid"

    def test_one_that_is_larger_than_any_is_not_read(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="at most"):
            read_mlmodel(write(tmp_path, "#" * (16 * 1024 * 1024 + 1)))


class TestReadSignature:
    def test_its_parts_are_lists_as_mlflow_describes_them(self, tmp_path: Path) -> None:
        signature = read_signature(write(tmp_path, signed(json.dumps(INPUTS))))
        assert signature == {"inputs": INPUTS, "outputs": None, "params": None}

    @pytest.mark.parametrize("text", ["", "flavors: {}", "signature: none"])
    def test_a_model_without_one_has_none(self, tmp_path: Path, text: str) -> None:
        assert read_signature(write(tmp_path, text)) is None

    def test_a_default_that_json_does_not_have_becomes_null(self, tmp_path: Path) -> None:
        params = '[{"name": "t", "default": NaN, "type": "double", "shape": null}]'
        signature = read_signature(write(tmp_path, json.dumps({"signature": {"params": params}})))
        assert signature == {"params": [{"name": "t", "default": None, "type": "double", "shape": None}]}

    @pytest.mark.parametrize("inputs", [1, [], {}, "{", "{}", "[1]", "[" * 50_000, "9" * 10_000])
    def test_one_that_mlflow_would_not_write_is_refused(self, tmp_path: Path, inputs: object) -> None:
        with pytest.raises(Invalid, match=r"signature\.inputs"):
            read_signature(write(tmp_path, signed(inputs)))
