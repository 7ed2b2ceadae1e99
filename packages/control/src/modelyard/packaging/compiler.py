"""Tries a verified compilation of a version's model, in a run of its own: we start it, bound it and read its report.

It never loads a model, and whatever goes wrong in the trial is a reason in the report, never a failed build.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelyard.errors import ModelyardError
from modelyard.isolation.untrusted_files import copy_regular
from modelyard.packaging.compilation import Report, not_tried, read_report
from modelyard.packaging.example import example_of, read_request
from modelyard.packaging.plan import ServingPlan
from modelyard.packaging.python import lock_with_its_python
from modelyard.ports.clock import Clock
from modelyard.ports.environments import Environments, Lock, LogLine
from modelyard.ports.runner import Limits, Runner, RunOutcome, RunPhase, RunSpec

COMPILED_FILES = ("model.onnx", "graph.json", "report.json")
_EXTRA = "compile"
_BRINGS_EXAMPLE = "torch"
"""The runtime whose files may hold an example of their own: a network is exported with one."""
_SCRIPT = """import sys

from modelyard_serving.compile.cli import main

sys.exit(main({arguments!r}))
"""
_WRITTEN, _REPORT = "compiled", "report.json"
"""Where the trial writes, in its own folder."""
_ACCEPTED, _REFUSED = 0, 1
"""Exit codes of the trial that leave a report."""
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 30
"""What a run may take beyond its own limit until it is given up."""


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
        if not plan.is_native:
            return Compilation(not_tried("only MLflow can load this model, and it has no translator"))
        if plan.runtime == "onnx":
            return Compilation(not_tried("the model is an ONNX graph already"))
        if plan.runtime != _BRINGS_EXAMPLE and example_of(model) is None:
            return Compilation(not_tried("the model was logged without an input example to try a translation on"))
        try:
            compilation = self._tried(model, scratch, plan=plan, constraints=constraints, log=log)
        except (ModelyardError, OSError) as error:
            return Compilation(not_tried(f"the trial could not be made: {error}"))
        return compilation

    def _tried(self, model: Path, scratch: Path, *, plan: ServingPlan, constraints: str, log: LogLine) -> Compilation:
        extras = (*plan.server_extras, _EXTRA)
        lock = lock_with_its_python(self._environments, plan, extras, constraints=constraints, log=log)
        python = self._environments.ensure(lock, log=log).python
        log("compiling: the translation is tried on rows around the model's example")
        work = scratch / "run" / "work"
        arguments = [str(model), "--output", str(work / _WRITTEN), "--report", str(work / _REPORT)]
        outcome = self._run(scratch / "run", python, arguments, model=model)
        report = _taken(work, [_REPORT], scratch / "report")
        if outcome.exit_code not in (_ACCEPTED, _REFUSED) or not report:
            return Compilation(not_tried(f"the trial broke off: {self._reason(scratch / 'run', outcome)}"))
        told = read_report(report[0])
        if told.is_accepted is not (outcome.exit_code == _ACCEPTED):
            return Compilation(not_tried("the trial's report contradicts its exit code"))
        if not told.is_accepted:
            return Compilation(told)
        files = _graph(work, scratch / "taken")
        brought = _taken(work, [f"{_WRITTEN}/example.json"], scratch / "example")
        example = read_request(brought[0]) if brought else None
        return Compilation(told, self._serving(files, example, plan=plan, trial=lock, log=log))

    def _serving(
        self, files: Path, example: Mapping[str, Any] | None, *, plan: ServingPlan, trial: Lock, log: LogLine
    ) -> Serving:
        """The environment of the translation: what is in both has the versions with which it was tried."""
        plan = plan.compiled()
        lock = self._environments.lock(
            plan.requirements, constraints=trial.text, server_extras=plan.server_extras, log=log
        )
        python = self._environments.ensure(lock, log=log).python
        return Serving(plan, lock, python, compiled=files, example=example)

    def _run(self, folder: Path, python: Path, arguments: Sequence[str], *, model: Path) -> RunOutcome:
        self._runner.start(
            RunSpec(
                run_key=folder.parent.name,
                folder=folder,
                python=python,
                script_name="compile.py",
                script_content=_SCRIPT.format(arguments=list(arguments)),
                environment=_environment(folder, python),
                limits=self._limits,
                readable=[model],
            )
        )
        deadline = self._clock.now().timestamp() + self._limits.seconds + _GRACE_SECONDS
        while (outcome := self._runner.observe(folder)).phase is RunPhase.RUNNING:
            if self._clock.now().timestamp() > deadline:
                self._runner.cancel(folder)
                return RunOutcome(RunPhase.LOST, reason="it did not end within its limit")
            self._clock.sleep(_POLL_SECONDS)
        return outcome

    def _reason(self, folder: Path, outcome: RunOutcome) -> str:
        if outcome.reason:
            return outcome.reason
        if outcome.phase is RunPhase.LOST:
            return "its process was killed from outside"
        lines = self._runner.log_path(folder).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"exit code {outcome.exit_code}"


def _environment(folder: Path, python: Path) -> dict[str, str]:
    """All that the run sees. One thread for each library: the trial shares the machine with models that serve."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "work"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        **threads,
    }


def _graph(work: Path, place: Path) -> Path:
    """The graph's own files, and nothing else that the model's code may have put beside them."""
    taken = {path.name for path in _taken(work, [f"{_WRITTEN}/compiled/{name}" for name in COMPILED_FILES], place)}
    missing = [name for name in COMPILED_FILES if name not in taken]
    if missing:
        raise FileNotFoundError(f"the accepted translation has no file {missing[0]}")
    return place


def _taken(work: Path, paths: Sequence[str], place: Path) -> list[Path]:
    """Copies of these files of the trial, as far as they are there and are regular files."""
    place.mkdir()
    copies = []
    for path in paths:
        copy = place / Path(path).name
        with suppress(OSError):
            copy_regular(work, path, copy)
            copies.append(copy)
    return copies
