"""A parameter of a run is the value that it was, where its text says so, and else its text."""

import pytest

from modelyard.registry.parameters import ParameterValue, read_parameter


class TestReadParameter:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("200", 200),
            ("-3", -3),
            ("0", 0),
            ("0.05", 0.05),
            ("1.0", 1.0),
            ("1e-05", 1e-05),
            ("True", True),
            ("False", False),
        ],
    )
    def test_what_python_writes_of_a_value_is_that_value(self, text: str, value: ParameterValue) -> None:
        read = read_parameter(text)
        assert (read, type(read)) == (value, type(value))

    @pytest.mark.parametrize(
        "text",
        [
            *("007", "1e400", "1e5", "+1", " 1", "1 ", "1_000", "\u0661", "0x10", ".5", "5.", "1.10", "-0"),
            *("nan", "inf", "-inf", "true", "None", "", "gini", "[64, 32]", "9007199254740992", "1e+16", "9" * 5000),
        ],
    )
    def test_every_other_text_stays_what_it_is(self, text: str) -> None:
        assert read_parameter(text) == text
