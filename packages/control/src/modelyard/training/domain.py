"""What a training script may ask for, and which of the models that it logged is meant. Pure."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelyard.errors import Invalid
from modelyard.ports.tracking import LoggedModel

MAX_REQUIREMENTS = 200
_MAX_LENGTH = 200
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def parse_requirements(requirements: Sequence[str]) -> tuple[str, ...]:
    """PEP 508 requirements by name, in their canonical spelling.

    Raises:
        Invalid: code `requirement_invalid`, for an option, a path, an address or anything else that is not a name.
    """
    if len(requirements) > MAX_REQUIREMENTS:
        raise Invalid(
            f"requirements: expected at most {MAX_REQUIREMENTS}, got {len(requirements)}",
            code="requirement_invalid",
            field="requirements",
        )
    return tuple(_parse(text, index) for index, text in enumerate(requirements))


def with_tracking_client(requirements: Sequence[str], client: str) -> tuple[str, ...]:
    """The requirements with the tracker's client (`mlflow==3.17.2`), unless they ask for a version of it themselves."""
    name = canonicalize_name(Requirement(client).name)
    named = [each for each in map(Requirement, requirements) if canonicalize_name(each.name) == name]
    return tuple(requirements) if any(each.specifier for each in named) else (*requirements, client)


def choose_logged_model(models: Sequence[LoggedModel], wanted: str | None) -> LoggedModel:
    """The model that is meant: the only one, or the one of this name (the newest, when it was logged again).

    Raises:
        Invalid: code `no_model_logged`, `several_models_logged` or `logged_model_not_found`; both last list the names.
    """
    if not models:
        raise Invalid(
            "the run logged no model: expected a call like mlflow.sklearn.log_model(model, name='model')",
            code="no_model_logged",
        )
    names = sorted({model.name for model in models})
    if wanted is None and len(names) > 1:
        raise Invalid(
            f"the run logged several models ({', '.join(names)}): name the one that is meant as logged_model",
            code="several_models_logged",
            field="logged_model",
        )
    chosen = [model for model in models if wanted in (None, model.name)]
    if not chosen:
        raise Invalid(
            f"logged_model: the run logged no model '{wanted}', but {', '.join(names)}",
            code="logged_model_not_found",
            field="logged_model",
        )
    return chosen[-1]


def script_environment(
    *, folder: Path, python: Path, tracking_uri: str, experiment_name: str, tags: Mapping[str, str]
) -> dict[str, str]:
    """All the variables that a script sees: its own places, the tracker, and nothing of ours.

    Every run that the script starts carries `tags`: MLflow's client reads them from MLFLOW_RUN_CONTEXT.
    """
    return {
        "PATH": f"{python.parent}:{_SYSTEM_PATH}",
        "HOME": str(folder / "work"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_EXPERIMENT_NAME": experiment_name,
        "MLFLOW_RUN_CONTEXT": json.dumps(dict(tags)),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        "MPLBACKEND": "Agg",
    }


def _parse(text: str, index: int) -> str:
    field = f"requirements.{index}"
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    if requirement is None or requirement.url is not None or len(text) > _MAX_LENGTH:
        shown = repr(text if len(text) <= 80 else text[:80] + "…")
        raise Invalid(
            f"{field}: expected a package's name with versions, like 'scikit-learn>=1.5' (no options, paths or "
            f"addresses), got {shown}",
            code="requirement_invalid",
            field=field,
        )
    return str(requirement)
