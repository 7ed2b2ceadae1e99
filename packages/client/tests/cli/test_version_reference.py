"""How a command line names a version: whatever the model is called, what stands behind the last slash is its number."""

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st

from modelyard_client.cli.version_reference import name_and_version

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/:"), min_size=1, max_size=255)


class TestNameAndVersion:
    @given(name=NAMES, number=st.integers(1, 2**31 - 1))
    @example(name="a%2Fb", number=1)
    @example(name="-rf", number=2**31 - 1)
    @example(name="churn v2?#'\"", number=3)
    def test_every_name_and_number_are_read_as_they_were_written(self, name: str, number: int) -> None:
        assert name_and_version(f"{name}/{number}") == (name, number)

    @given(
        name=NAMES,
        rest=st.text(st.characters(exclude_characters="/"), max_size=20).filter(
            lambda text: bool(text.strip("0123456789"))
        ),
    )
    @example(name="churn", rest="")
    @example(name="churn", rest="0")
    @example(name="churn", rest="9" * 5000)
    @example(name="churn", rest="\N{ARABIC-INDIC DIGIT ONE}")
    @example(name="churn", rest="+1")
    def test_what_is_no_number_is_refused_in_a_sentence(self, name: str, rest: str) -> None:
        with pytest.raises(typer.BadParameter, match="expected MODEL/VERSION, like churn/3, got "):
            name_and_version(f"{name}/{rest}")

    @pytest.mark.parametrize("reference", ["", "/", "/1", "churn", "1"])
    def test_a_name_or_a_number_alone_is_refused(self, reference: str) -> None:
        with pytest.raises(typer.BadParameter, match="expected MODEL/VERSION"):
            name_and_version(reference)
