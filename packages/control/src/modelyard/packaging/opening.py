"""Opens a model once as its server will, before it is a version: in the model's environment, in a run of its own.

The error of a model that cannot be opened is written for the author of the script. The run shares its environment with
the verification of the model's translation, so building a version afterwards only costs the process.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelyard.errors import Invalid
from modelyard.packaging.compiler import trial_extras
from modelyard.packaging.plan import ServingPlan, plan_serving
from modelyard.packaging.python import lock_with_its_python
from modelyard.packaging.trial import MODEL_VARIABLE, ended_trial
from modelyard.plain import plain_json, plain_text
from modelyard.ports.clock import Clock
from modelyard.ports.environments import Environments, LogLine
from modelyard.ports.runner import Limits, Runner

_REPORT = "check.json"
_MOST_BYTES = 4 * 1024 * 1024
_LONGEST = 1000
_NO_PYTHON = frozenset({"python_unservable", "python_unavailable"})
"""A model for a Python that is not here can be registered, and is refused where it shall serve."""
_SCRIPT = f"""import os, sys

from modelyard_serving.check import write_check

sys.exit(write_check(os.environ[{MODEL_VARIABLE!r}], {_REPORT!r}))
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a model cannot be opened."""

    message: str
    module: str | None = None
    """The module that the model needs and that is not there."""


class ModelOpening(Protocol):
    """Opens models of versions to be."""

    def open(self, model: Path, scratch: Path, *, constraints: str, log: LogLine) -> Failure | None:
        """Open the MLflow model at `model`, and have it answer its own example if it has one.

        Args:
            scratch: an empty folder of the caller's, for the run.
            constraints: the lock of the environment that it was trained in.

        Returns:
            why it cannot be served; None when it can.

        Raises:
            Invalid: it is no model that can be served, or its environment cannot be resolved.
            Unavailable: the package index does not answer.
        """


class NoOpening:
    """For an operator who wants models registered as they come."""

    def open(self, model: Path, scratch: Path, *, constraints: str, log: LogLine) -> Failure | None:  # noqa: ARG002
        """Takes every model."""
        return None


class TrialOpening:
    """Opens models in runs."""

    def __init__(
        self, *, environments: Environments, runner: Runner, clock: Clock, limits: Limits, is_compiled: bool
    ) -> None:
        self._environments = environments
        self._runner = runner
        self._clock = clock
        self._limits = limits
        self._is_compiled = is_compiled

    def open(self, model: Path, scratch: Path, *, constraints: str, log: LogLine) -> Failure | None:
        """Run the server's own check, and read what it wrote."""
        plan = plan_serving(model)
        extras = trial_extras(plan, model) if self._is_compiled else plan.server_extras
        try:
            lock = lock_with_its_python(self._environments, plan, extras, constraints=constraints, log=log)
        except Invalid as exc:
            if exc.code not in _NO_PYTHON:
                raise
            log(f"not opened: {exc.message}")
            return None
        environment = self._environments.ensure(lock, log=log)
        log("opening the model as its server will")
        with ended_trial(
            self._runner,
            self._clock,
            python_environment=environment.digest,
            script=_SCRIPT,
            model=model,
            limits=self._limits,
        ) as trial:
            report = trial.taken([_REPORT], scratch / "report")
            found = _read(report[0]) if report else None
            if found is None:
                return Failure(f"The model could not be opened as its server will open it: {trial.reason()}")
        if found["ok"] is not True and found.get("example_refused") is True:
            # A courtesy that is written wrongly says nothing against the model, which is there and said so.
            log(f"warning: the model opens, and refuses its own input example: {_message(found)}")
            return None
        return None if found["ok"] is True else _failure(found, plan)


def _read(path: Path) -> Mapping[str, Any] | None:
    """What the check wrote; a process that ran a model's code wrote it, so it is taken for no more than it shows."""
    if path.stat().st_size > _MOST_BYTES:
        return None
    try:
        found = plain_json(json.loads(path.read_bytes()))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("ok"), bool) else None


def _message(found: Mapping[str, Any]) -> str:
    return plain_text(str(found.get("error", "")))[:_LONGEST]


def _failure(found: Mapping[str, Any], plan: ServingPlan) -> Failure:
    message = _message(found)
    cause = found.get("cause")
    module, name = (str(cause.get(key) or "") for key in ("module", "name")) if isinstance(cause, dict) else ("", "")
    if module == "__main__" and name:
        return Failure(
            f"Your class `{name}` is defined in the script; the server cannot import it: log it with `code_paths`, or "
            "define it in a module of your project"
        )
    if module and not name:
        return Failure(
            f"The model needs the Python module `{module}`, which the server does not have: name its package in "
            "the model's requirements (`extra_pip_requirements` of log_model), or log the module with `code_paths`",
            module=module,
        )
    if module:
        return Failure(
            f"The model needs `{name}` of the Python module `{module}`, which has no such name where the model is "
            f"served (with {', '.join(plan.requirements[:20]) or 'no requirements'}): name the version that the model "
            "was trained with in its requirements (`extra_pip_requirements` of log_model)"
        )
    if found.get("opened") is True:
        return Failure(f"The model opens, and does not answer its own input example: {message}")
    return Failure(f"The model server cannot open the model: {message}")


def refuse(failure: Failure) -> Invalid:
    """The error of a job whose model cannot be opened."""
    return Invalid(failure.message, code="model_not_openable")
