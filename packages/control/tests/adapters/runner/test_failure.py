"""The sentence that tells why a script failed is that of its last exception, with the lines that hold the reason."""

import pytest

from modelyard.adapters.runner.failure import reason_of

TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    log_model(m)\n'


def reason(output: str) -> str | None:
    return reason_of(1, output.encode(), disk_bytes=1)


class TestReason:
    def test_the_lines_below_mlflows_first_one_are_kept(self) -> None:
        said = (
            "mlflow.exceptions.MlflowException: The following failures occurred while downloading one or more "
            "artifacts from mlflow-artifacts:/1:\n##### File model.pkl #####\n\nHTTP 507: the disk is full\n"
        )
        assert reason(TRACEBACK + said) == (
            "mlflow.exceptions.MlflowException: The following failures occurred while downloading one or more "
            "artifacts from mlflow-artifacts:/1: ##### File model.pkl ##### HTTP 507: the disk is full"
        )

    @pytest.mark.parametrize("first", ["ValueError:", "ValueError: these columns are unknown:"])
    def test_a_line_that_announces_the_reason_is_followed_by_it(self, first: str) -> None:
        assert reason(f"{TRACEBACK}{first}\n  age\n") == f"{first} age"

    def test_a_line_that_says_all_is_alone(self) -> None:
        assert reason(f"{TRACEBACK}ValueError: no column\nbye\n") == "ValueError: no column"
