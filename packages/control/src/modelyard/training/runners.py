"""The runners that the operator has configured, and which of them a job is run by."""

from collections.abc import Mapping

from modelyard.errors import Conflict, Invalid
from modelyard.jobs.domain import Job
from modelyard.ports.runner import RefusesRuns, Runner

LOCAL = "local"
"""The runner of jobs that name none in what they keep: of those from before there were several, too."""


class Runners:
    """Runners by name. The first one is meant where none is named."""

    def __init__(self, runners: Mapping[str, Runner]) -> None:
        if not runners:
            raise Invalid("MODELYARD_RUNNERS: expected at least one runner, got none", code="runner_options_invalid")
        self._runners = dict(runners)

    def chosen(self, name: str | None) -> dict[str, str]:
        """What a job keeps of the choice, so that another order of the settings changes nothing for it.

        Raises:
            Invalid: code `runner_unknown`.
        """
        known = next(iter(self._runners)) if name is None else name
        if known not in self._runners:
            there = ", ".join(f"'{one}'" for one in self._runners)
            raise Invalid(
                f"runner: expected one of the configured runners ({there}), got {known[:80]!r}",
                code="runner_unknown",
                field="runner",
            )
        return {} if known == LOCAL else {"runner": known}

    def check(self, name: str | None, *, is_notebook: bool, has_project: bool, has_secrets: bool) -> None:
        """Refuse what the runner that is meant cannot run.

        Raises:
            Invalid: code `runner_cannot`.
        """
        runner = self._runners[self.chosen(name).get("runner", LOCAL)]
        if isinstance(runner, RefusesRuns):
            runner.check(is_notebook=is_notebook, has_project=has_project, has_secrets=has_secrets)

    def of(self, job: Job) -> Runner:
        """The runner of a job.

        Raises:
            Conflict: code `runner_not_configured`, as nobody can reach what runs there.
        """
        name = name_of(job)
        runner = self._runners.get(name)
        if runner is None:
            raise Conflict(
                f"job '{job.job_id}' is run by the runner '{name}', which is not configured: add it to "
                "MODELYARD_RUNNERS, so that its runs can be reached",
                code="runner_not_configured",
            )
        return runner


def name_of(job: Job) -> str:
    """The name of a job's runner."""
    name: str = job.request.get("runner", LOCAL)
    return name
