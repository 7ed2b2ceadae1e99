"""What the states of a run of Databricks mean. Pure.

The words are those of the Jobs API: `life_cycle_state`, `result_state` and `termination_details.code`. New ones appear
there; what is not known and has ended counts as a failure that names it.
"""

from dataclasses import dataclass

from modelyard.ports.runner import RunOutcome, RunPhase

_WAITING = frozenset({"PENDING", "QUEUED", "BLOCKED", "WAITING_FOR_RETRY", "WAITING"})
_UNDER_WAY = frozenset({"RUNNING", "TERMINATING"})
_FAILED, _CANCELLED, _KILLED = 1, -15, -9
_ENDS = {
    "FAILED": "The notebook failed",
    "SUCCESS_WITH_FAILURES": "A part of the run failed",
    "UPSTREAM_FAILED": "What the run waited for failed",
    "UPSTREAM_CANCELED": "What the run waited for was cancelled",
    "EXCLUDED": "The run was left out, as its condition did not hold",
    "DISABLED": "The run was left out, as it is disabled",
    "MAXIMUM_CONCURRENT_RUNS_REACHED": "Databricks runs as many runs as it may already",
}
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class DatabricksRun:
    """A run as the service describes it."""

    life_cycle: str
    result: str | None = None
    message: str | None = None
    """Why it is in this state, in the service's words."""
    code: str | None = None
    """Of its end: `RUN_EXECUTION_ERROR`, `CLUSTER_ERROR`, …"""
    task_run_id: int | None = None
    page_url: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.life_cycle not in _WAITING | _UNDER_WAY


def outcome_of(run: DatabricksRun, *, error: str | None, seconds: float) -> RunOutcome:
    """The outcome of a run.

    Args:
        error: what the notebook raised, as the run's output has it.
        seconds: the run's limit.
    """
    if run.life_cycle in _WAITING:
        said = f": {run.message}" if run.message else ""
        return RunOutcome(RunPhase.RUNNING, reason=f"Databricks says {run.life_cycle}{said}"[:_LONGEST])
    if run.life_cycle in _UNDER_WAY:
        return RunOutcome(RunPhase.RUNNING)
    if run.life_cycle == "TERMINATED" and run.result == "SUCCESS":
        return RunOutcome(RunPhase.FINISHED, exit_code=0)
    if run.result == "CANCELED":
        return _ended(_CANCELLED, "The run was cancelled.")
    if run.result == "TIMEDOUT":
        return _ended(_CANCELLED, f"The notebook ran longer than its limit of {seconds:g} seconds.")
    return _ended(_KILLED if run.life_cycle == "INTERNAL_ERROR" else _FAILED, _why(run, error))


def _why(run: DatabricksRun, error: str | None) -> str:
    if run.life_cycle == "SKIPPED":
        what = "Databricks skipped the run"
    elif run.life_cycle == "INTERNAL_ERROR":
        what = "Databricks could not run the notebook"
    else:
        what = _ENDS.get(run.result or "", f"The run ended as {run.result or run.life_cycle}")
    details = error or run.message
    code = f" ({run.code})" if run.code and run.code not in {"SUCCESS", "RUN_EXECUTION_ERROR"} else ""
    return f"{what}{code}: {details}" if details else f"{what}{code}."


def _ended(exit_code: int, reason: str) -> RunOutcome:
    return RunOutcome(RunPhase.FINISHED, exit_code=exit_code, reason=" ".join(reason.split())[:_LONGEST])
