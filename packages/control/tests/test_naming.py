"""What names may be, and the labels that stand for them."""

import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_model_name

from modelyard.errors import Invalid
from modelyard.naming import (
    derived_label,
    derived_labels,
    image_tag,
    model_name_of_script,
    valid_name,
    validate_experiment_name,
    validate_model_name,
    validate_namespace,
    validate_script_name,
)

NEVER = ["", " ", "a\n", "a/b", "a:b", "../a", "..", ".", "a\x00", "a\x7f", "a\x85", "a\ud800", "a" * 256]
NAMES = [
    "a",
    "my_model",
    "My_Model",
    "churn.v2",
    "fraud model",
    "Fraud Model v2",
    " spaces at both ends ",
    ".hidden",
    "50% off?#&+;=@[]{}|\\^`~",
    'it\'s "quoted" <b>',
    "a%2Fb",
    "größe",
    "gro\N{LATIN SMALL LETTER O WITH DIAERESIS}sse",
    "gro\N{COMBINING DIAERESIS}sse",
    "模型",
    "🦉",
    "zero\N{ZERO WIDTH SPACE}width",
    "line\N{LINE SEPARATOR}separator",
    "no\N{NO-BREAK SPACE}break",
    "versions",
    "12",
    "x" * 255,
    "🦉" * 255,
]
LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?")


class TestModelName:
    @pytest.mark.parametrize("name", NAMES)
    def test_what_mlflow_takes_is_taken(self, name: str) -> None:
        _validate_model_name(name)
        validate_model_name(name, field="name")

    @pytest.mark.parametrize("name", NEVER)
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid, match="model: expected 1 to 255 characters without") as caught:
            validate_model_name(name, field="model")
        assert (caught.value.code, caught.value.field) == ("model_name_invalid", "model")

    @given(name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=255))
    def test_we_refuse_exactly_what_mlflow_refuses(self, name: str) -> None:
        assert _is_taken(name) == _is_taken_by_mlflow(name)

    def test_of_a_long_name_only_its_beginning_is_reported(self) -> None:
        with pytest.raises(Invalid) as caught:
            validate_model_name("A" * 100_000, field="name")
        assert len(caught.value.message) < 300


class TestLabel:
    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("my_model", "my-model"),
            ("My_Model", "my-model"),
            ("churn.v2", "churn-v2"),
            ("Fraud Model v2", "fraud-model-v2"),
            ("breast--cancer", "breast--cancer"),
            ("Größe", "grosse"),
            ("2024 churn", "m-2024-churn"),
            ("a" * 50, "a" * 50),
        ],
    )
    def test_of_most_names_it_is_plain(self, name: str, label: str) -> None:
        assert derived_label(name) == label

    @pytest.mark.parametrize(("name", "beginning"), [("模型", "model"), ("a" * 51, "a" * 41), ("🦉", "model")])
    def test_where_the_name_is_lost_a_digest_tells_it_from_others(self, name: str, beginning: str) -> None:
        assert re.fullmatch(f"{beginning}-[0-9a-f]{{8}}", derived_label(name))

    @given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255))
    def test_each_is_the_start_of_a_dns_label_and_no_two_are_alike(self, name: str) -> None:
        labels = list(islice(derived_labels(name), 5))
        assert all(LABEL.fullmatch(label) and len(f"{label}-inference") <= 63 for label in labels)
        assert len(set(labels)) == len(labels)

    @given(name=st.text(max_size=255))
    def test_it_never_changes(self, name: str) -> None:
        assert derived_label(name) == derived_label(name)

    def test_of_an_image_it_is_the_tag(self) -> None:
        assert image_tag(derived_label("my_model"), 1) == "my-model-v1"


class TestNamespace:
    @pytest.mark.parametrize("name", ["asgard", "Asgard Prod", "team_7", "1", "a" * 255])
    def test_it_is_taken_as_it_is_given(self, name: str) -> None:
        validate_namespace(name)

    @pytest.mark.parametrize("name", NEVER)
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid) as caught:
            validate_namespace(name)
        assert caught.value.code == "namespace_invalid"


class TestScriptName:
    @pytest.mark.parametrize(
        "name",
        [
            "train.py",
            "_.py",
            "my script.py",
            "größe.py",
            ".py",
            "mlflow.py",
            "-a.py",
            "a:b.py",
            "..\\a.py",
            "..py",
            "x" * 252 + ".py",
        ],
    )
    def test_a_file_name_of_python_is_taken(self, name: str) -> None:
        validate_script_name(name)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "train",
            "a/b.py",
            "../a.py",
            "train.py\n",
            "a\x00.py",
            "a\ud800.py",
            "x" * 253 + ".py",
            "ü" * 127 + ".py",
        ],
    )
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid) as caught:
            validate_script_name(name)
        assert (caught.value.code, caught.value.field) == ("script_name_invalid", "script_name")

    @given(stem=st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), max_size=60))
    def test_a_model_that_nobody_named_has_a_valid_name(self, stem: str) -> None:
        validate_script_name(f"{stem}.py")
        validate_model_name(model_name_of_script(f"{stem}.py"), field="model_name")

    @pytest.mark.parametrize(
        ("script_name", "name"),
        [("breast_cancer.py", "breast-cancer"), ("My Script.py", "my script"), ("a:b.py", "a-b"), (".py", "model")],
    )
    def test_that_name_is_the_files(self, script_name: str, name: str) -> None:
        assert model_name_of_script(script_name) == name


class TestValidName:
    @given(text=st.text(max_size=300))
    def test_any_text_becomes_one(self, text: str) -> None:
        validate_model_name(valid_name(text, otherwise="model"), field="name")


class TestExperimentName:
    @pytest.mark.parametrize("name", ["Breast cancer", "größer/kleiner", "no\N{NO-BREAK SPACE}break", "x" * 400])
    def test_text_is_taken(self, name: str) -> None:
        validate_experiment_name(name)

    @pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "a\ud800", "x" * 401])
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid) as caught:
            validate_experiment_name(name)
        assert caught.value.code == "experiment_name_invalid"


def _is_taken(name: str) -> bool:
    try:
        validate_model_name(name, field="name")
    except Invalid:
        return False
    return True


def _is_taken_by_mlflow(name: str) -> bool:
    try:
        _validate_model_name(name)
    except MlflowException:
        return False
    return True
