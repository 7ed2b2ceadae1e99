"""What names may be."""

import pytest

from modelyard.errors import Invalid
from modelyard.naming import (
    validate_experiment_name,
    validate_model_name,
    validate_namespace,
    validate_script_name,
)

NEVER = ["", " ", "a\n", "a b", "../a", "a/b", "a\x00", "ä", "a" * 300]


class TestModelName:
    @pytest.mark.parametrize("name", ["a", "iris", "breast-cancer", "a1", "a" * 50])
    def test_the_start_of_a_dns_label_is_taken(self, name: str) -> None:
        validate_model_name(name, field="name")

    @pytest.mark.parametrize("name", [*NEVER, "Iris", "1a", "-a", "a-", "a_b", "a.b", "a" * 51])
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid, match="model: expected 1 to 50 lower-case letters") as caught:
            validate_model_name(name, field="model")
        assert (caught.value.code, caught.value.field) == ("model_name_invalid", "model")

    def test_of_a_long_name_only_its_beginning_is_told(self) -> None:
        with pytest.raises(Invalid) as caught:
            validate_model_name("A" * 100_000, field="name")
        assert len(caught.value.message) < 300


class TestNamespace:
    @pytest.mark.parametrize("name", ["a", "1", "team-7", "a" * 63])
    def test_a_dns_label_is_taken(self, name: str) -> None:
        validate_namespace(name)

    @pytest.mark.parametrize("name", [*NEVER, "-a", "a-", "A", "a" * 64])
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid) as caught:
            validate_namespace(name)
        assert caught.value.code == "namespace_invalid"


class TestScriptName:
    @pytest.mark.parametrize("name", ["train.py", "_.py", "a.b-c.py", "Train_2.py"])
    def test_a_file_name_of_python_is_taken(self, name: str) -> None:
        validate_script_name(name)

    @pytest.mark.parametrize(
        "name", [*NEVER, "train", ".py", ".hidden.py", "a/b.py", "..\\a.py", "-a.py", "train.py\n"]
    )
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid) as caught:
            validate_script_name(name)
        assert caught.value.code == "script_name_invalid"


class TestExperimentName:
    @pytest.mark.parametrize("name", ["Breast cancer", "größer/kleiner", "x" * 200])
    def test_printable_text_is_taken(self, name: str) -> None:
        validate_experiment_name(name)

    @pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "a\ud800", "x" * 201])
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid) as caught:
            validate_experiment_name(name)
        assert caught.value.code == "experiment_name_invalid"
