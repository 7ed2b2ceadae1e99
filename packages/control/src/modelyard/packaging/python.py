"""The Python of a version's environment: the model's own, where this machine has it and the model server runs on it."""

from collections.abc import Sequence

from packaging.specifiers import SpecifierSet

from modelyard.errors import Invalid
from modelyard.packaging.plan import ServingPlan
from modelyard.packaging.server_lock import lock_server
from modelyard.ports.environments import Environments, Lock, LogLine

SERVER_PYTHON = SpecifierSet(">=3.11")
"""What the model server runs on, as its distribution says."""


def refuse_unservable_python(version: str | None) -> None:
    """Refuse a Python that the model server does not run on, before anything is trained with it.

    Raises:
        Invalid: code `python_unservable`.
    """
    if version is not None and not SERVER_PYTHON.contains(version, prereleases=True):
        raise Invalid(
            f"requires-python: expected a Python that the model server runs on ({SERVER_PYTHON}), got {version}: what "
            "it makes can be trained and registered, not deployed",
            code="python_unservable",
            field="requires_python",
        )


def lock_with_its_python(
    environments: Environments, plan: ServingPlan, extras: Sequence[str], *, constraints: str, log: LogLine
) -> Lock:
    """The lock of a plan's environment, with the Python that the model was made by.

    Where there is none, a model in the format of a library is served by the platform's own, which the log says. One
    that only MLflow can load holds code of that Python, and is refused.

    Raises:
        Invalid: code `python_unservable` or `python_unavailable`, besides what the port says.
    """
    texts = "\n".join([*plan.constraints, constraints])
    try:
        refuse_unservable_python(plan.python)
        return lock_server(
            environments,
            plan.requirements,
            constraints=texts,
            requires_python=plan.requires_python,
            extras=extras,
            log=log,
        )
    except Invalid as refused:
        if refused.code not in {"python_unservable", "python_unavailable"} or not plan.is_native:
            raise
        log(f"warning: the model was made by Python {plan.python}, which is not here: the platform's own serves it")
    return lock_server(environments, plan.requirements, constraints=texts, extras=extras, log=log)
