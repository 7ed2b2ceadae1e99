"""What is logged of a fault that is met again with every pass."""

from modelyard.repeated_warnings import RepeatedWarnings


class TestRepeatedWarnings:
    def test_a_fault_is_logged_when_it_begins_and_then_rarely(self) -> None:
        now = 0.0
        warnings = RepeatedWarnings(monotonic=lambda: now)
        logged = 0
        for _ in range(2400):  # Twenty minutes, twice a second.
            logged += warnings.is_due("reconciler/docker", "the engine does not answer")
            now += 0.5
        assert logged == 2

    def test_another_reason_is_logged_but_not_with_every_pass(self) -> None:
        now = 0.0
        warnings = RepeatedWarnings(monotonic=lambda: now)
        logged = 0
        for number in range(120):  # A minute, in which each reason names another address in memory.
            logged += warnings.is_due("reconciler/docker", f"refused by 0x{number:x}")
            now += 0.5
        assert logged == 2

    def test_the_end_is_known_once_and_the_next_fault_is_logged_at_once(self) -> None:
        warnings = RepeatedWarnings(monotonic=lambda: 0.0)
        assert warnings.is_due("a", "x")
        assert not warnings.is_due("a", "x")
        assert warnings.is_due("b", "x")
        assert warnings.has_ended("a")
        assert not warnings.has_ended("a")
        assert warnings.is_due("a", "x")
