import pytest

from modelyard_serving.workers.exit_reason import reason_of

TRACEBACK = """Traceback (most recent call last):
  File "child.py", line 1, in _run
    child = Child(boot)
            ^^^^^^^^^^^
ValueError: the weights are not there"""
LOGGED = '{"at":"2026-01-01T00:00:00.000Z","level":"%s","logger":"x","message":"%s","worker":0}'


class TestReasonOf:
    @pytest.mark.parametrize(
        ("tail", "reason"),
        [
            (TRACEBACK, "ValueError: the weights are not there"),
            (f"{TRACEBACK}\n/lib/x.py:3: UserWarning: leaked semaphore\n  warnings.warn(", None),
            (f"{TRACEBACK}\n{LOGGED % ('warning', 'a queue is left')}", None),
            (f"{TRACEBACK}\n\nDuring handling of the above exception, …\n\n{TRACEBACK.replace('Value', 'Key')}", "Key"),
            ("Traceback (most recent call last):\n  x\nMlflowException:\nno such file: model.pkl", "no such file"),
            (f"{LOGGED % ('error', 'the port is taken')}\n{LOGGED % ('info', 'bye')}", "the port is taken"),
            ("ImportError: no module named x\nbye", "ImportError: no module named x"),
            ("there is no model at /x", "there is no model at /x"),
        ],
    )
    def test_it_is_the_last_error_and_not_the_last_line(self, tail: str, reason: str | None) -> None:
        assert (reason or "ValueError: the weights are not there") in reason_of(tail)

    def test_who_wrote_nothing_tells_nothing(self) -> None:
        assert reason_of("") == ""
