"""Tries a verified compilation of a version's model, in a run of its own: we start it, bound it and read its report.

It never loads a model, and whatever goes wrong in the trial is a reason in the report, never a failed build.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelyard.errors import ModelyardError
from modelyard.packaging.compilation import Report, not_tried, read_report
from modelyard.packaging.example import example_of, read_request
from modelyard.packaging.plan import ServingPlan
from modelyard.packaging.python import lock_with_its_python
from modelyard.packaging.server_lock import lock_server
from modelyard.packaging.trial import MODEL_VARIABLE, Trial, ended_trial
from modelyard.ports.clock import Clock
from modelyard.ports.environments import Environments, Lock, LogLine
from modelyard.ports.runner import Limits, Runner

COMPILED_FILES = ("model.onnx", "graph.json", "report.json")
_EXTRA = "compile"
_BRINGS_EXAMPLE = "torch"
"""The runtime whose files may hold an example of their own: a network is exported with one."""
_WRITTEN, _REPORT = "compiled", "report.json"
"""Where the trial writes, in its own folder."""
_SCRIPT = f"""import os, sys

from modelyard_serving.compile.cli import main

sys.exit(main([os.environ[{MODEL_VARIABLE!r}], "--output", {_WRITTEN!r}, "--report", {_REPORT!r}]))
"""
_ACCEPTED, _REFUSED = 0, 1
"""Exit codes of the trial that leave a report."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How a bundle is served: the plan, its lock and the environment that was built of it."""

    plan: ServingPlan
    lock: Lock
    python: Path
    compiled: Path | None = None
    """The folder with `COMPILED_FILES`; None where the model itself is served."""
    example: Mapping[str, Any] | None = None
    """The request that the trial found in the model, for a model that was logged without one."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a trial came to: the report, and how the translation is served where it was accepted."""

    report: Report
    serving: Serving | None = None


class Compiler(Protocol):
    """Compiles the models of versions, or says why it does not. Raises nothing that a trial can bring about."""

    def compile(self, model: Path, scratch: Path, *, plan: ServingPlan, constraints: str, log: LogLine) -> Compilation:
        """Try the MLflow model at `model`.

        Args:
            model: the version's files, already checked against its manifest.
            scratch: an empty folder of the caller's, for the run and what it writes.
            plan: how the original would be served; its environment is the trial's too.
            constraints: the lock of the environment that the model was trained in.
            log: takes one line for each step.
        """


class NoCompiler:
    """For an operator who wants every version served as it was logged."""

    def compile(
        self,
        model: Path,  # noqa: ARG002
        scratch: Path,  # noqa: ARG002
        *,
        plan: ServingPlan,  # noqa: ARG002
        constraints: str,  # noqa: ARG002
        log: LogLine,  # noqa: ARG002
    ) -> Compilation:
        """Try nothing."""
        return Compilation(not_tried("compilation is switched off (MODELYARD_COMPILE_MODELS)"))


class TrialCompiler:
    """Runs `modelyard-compile` in the model's own environment, which gets the extra `compile`."""

    def __init__(self, *, environments: Environments, runner: Runner, clock: Clock, limits: Limits) -> None:
        self._environments = environments
        self._runner = runner
        self._clock = clock
        self._limits = limits

    def compile(self, model: Path, scratch: Path, *, plan: ServingPlan, constraints: str, log: LogLine) -> Compilation:
        """Run the trial and read what it left."""
        if (reason := _reason_not_to_try(plan, model)) is not None:
            return Compilation(not_tried(reason))
        try:
            compilation = self._tried(model, scratch, plan=plan, constraints=constraints, log=log)
        except (ModelyardError, OSError) as error:
            return Compilation(not_tried(f"the trial could not be made: {error}"))
        return compilation

    def _tried(self, model: Path, scratch: Path, *, plan: ServingPlan, constraints: str, log: LogLine) -> Compilation:
        extras = trial_extras(plan, model)
        lock = lock_with_its_python(self._environments, plan, extras, constraints=constraints, log=log)
        environment = self._environments.ensure(lock, log=log)
        log("compiling: the translation is tried on rows around the model's example")
        with ended_trial(
            self._runner,
            self._clock,
            python_environment=environment.digest,
            script=_SCRIPT,
            model=model,
            limits=self._limits,
        ) as trial:
            report = trial.taken([_REPORT], scratch / "report")
            if trial.outcome.exit_code not in (_ACCEPTED, _REFUSED) or not report:
                return Compilation(not_tried(f"the trial broke off: {trial.reason()}"))
            report_content = read_report(report[0])
            if report_content.is_accepted is not (trial.outcome.exit_code == _ACCEPTED):
                return Compilation(not_tried("the trial's report contradicts its exit code"))
            if not report_content.is_accepted:
                return Compilation(report_content)
            files = _graph(trial, scratch / "taken")
            brought = trial.taken([f"{_WRITTEN}/example.json"], scratch / "example")
        example = read_request(brought[0]) if brought else None
        return Compilation(report_content, self._serving(files, example, plan=plan, trial=lock, log=log))

    def _serving(
        self, files: Path, example: Mapping[str, Any] | None, *, plan: ServingPlan, trial: Lock, log: LogLine
    ) -> Serving:
        """The environment of the translation: what is in both has the versions with which it was tried."""
        plan = plan.compiled()
        lock = lock_server(
            self._environments, plan.requirements, constraints=trial.text, extras=plan.server_extras, log=log
        )
        python = self._environments.ensure(lock, log=log).python
        return Serving(plan, lock, python, compiled=files, example=example)


def trial_extras(plan: ServingPlan, model: Path) -> tuple[str, ...]:
    """The server's extras in the environment of a model's trial: those of the plan where there is none."""
    return plan.server_extras if _reason_not_to_try(plan, model) else (*plan.server_extras, _EXTRA)


def _reason_not_to_try(plan: ServingPlan, model: Path) -> str | None:
    if not plan.is_native:
        return "only MLflow can load this model, and it has no translator"
    if plan.runtime == "onnx":
        return "the model is an ONNX graph already"
    if plan.runtime != _BRINGS_EXAMPLE and example_of(model) is None:
        return "the model was logged without an input example to try a translation on"
    return None


def _graph(trial: Trial, place: Path) -> Path:
    """The graph's own files, and nothing else that the model's code may have put beside them."""
    graph = {path.name for path in trial.taken([f"{_WRITTEN}/compiled/{name}" for name in COMPILED_FILES], place)}
    missing = [name for name in COMPILED_FILES if name not in graph]
    if missing:
        raise FileNotFoundError(f"the accepted translation has no file {missing[0]}")
    return place
