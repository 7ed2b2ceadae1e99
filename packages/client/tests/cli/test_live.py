import io

from modelyard_standin import job
from rich.console import Console

from modelyard_client import Job
from modelyard_client.cli.live import LiveDisplay


def shown(*readings: dict[str, object], line: str = "") -> str:
    """What is left on a terminal after these readings of a job."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60, color_system=None)
    with LiveDisplay(console) as display:
        display.said(line)
        for reading in readings:
            display.changed(Job.from_json(reading))
    return screen.getvalue()


class TestLiveDisplay:
    def test_phases_that_are_over_are_ticked_and_the_log_goes_on_below(self) -> None:
        screen = shown(
            job(),
            job(status="running", phase="training"),
            job(status="running", phase="registering"),
            line="epoch 3",
        )
        last = screen[screen.rindex("churn  job-1") :].splitlines()
        assert "✓" in last[1]
        assert "training" in last[1]
        assert "✓" not in last[2]
        assert "registering" in last[2]
        assert "epoch 3" in last[5]

    def test_a_job_that_failed_is_crossed_where_it_failed(self) -> None:
        screen = shown(job(status="running", phase="training"), job(status="failed", phase="training"))
        assert "✗" in screen[screen.rindex("churn  job-1") :].splitlines()[1]

    def test_a_job_that_ended_is_ticked_throughout(self) -> None:
        screen = shown(job(status="running", phase="training"), job(status="succeeded", phase="deployed"))
        assert screen[screen.rindex("churn  job-1") :].count("✓") == 4

    def test_what_a_log_says_does_not_move_the_cursor(self) -> None:
        assert "\x1b[2J" not in shown(job(status="running", phase="training"), line="\x1b[2Jgone")
