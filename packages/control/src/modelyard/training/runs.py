"""The runs of a job: how often one is begun, their keys, and what they wrote."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.ports.log import LogPart
from modelyard.ports.runner import Runner

MAX_RUNS = 2
"""How often a run that was lost with its machine is begun."""


def run_key_of(job_id: str, attempt: int) -> str:
    """The key of one run of the job; the first attempt is 1."""
    return f"{job_id}/{attempt}"


@dataclass(frozen=True, slots=True)
class RunLog:
    """What one run writes to stdout and stderr. One of the runners has it."""

    runners: Sequence[Runner]
    run_key: str

    def size(self) -> int:
        """How many bytes are there now."""
        return max(runner.log_size(self.run_key) for runner in self.runners)

    def read(self, offset: int) -> LogPart:
        """The part from an offset on."""
        has_it = next((one for one in self.runners if one.log_size(self.run_key)), self.runners[0])
        return has_it.read_log(self.run_key, offset)


@dataclass(frozen=True, slots=True)
class RunLogsOfJobs:
    """The logs of all runs."""

    runners: Sequence[Runner]

    def of(self, job_id: str) -> Sequence[RunLog]:
        """Those of a job, also of runs that were not begun."""
        return [RunLog(self.runners, run_key_of(job_id, attempt)) for attempt in range(1, MAX_RUNS + 1)]
