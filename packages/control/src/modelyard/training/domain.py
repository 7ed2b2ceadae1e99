"""What a training script may ask for. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelyard.errors import Invalid
from modelyard.jobs.domain import Job

MAX_REQUIREMENTS = 1000
_MAX_HASHES = 500
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_LENGTH = 200
_INLINE = "module://matplotlib_inline.backend_inline"
"""Matplotlib's backend in a kernel: what is plotted is an output of its cell."""


def parse_requirements(requirements: Sequence[str], *, field: str = "requirements") -> tuple[str, ...]:
    """PEP 508 requirements by name, in their canonical spelling; what is pinned may have hashes after it.

    Raises:
        Invalid: code `requirement_invalid`, for an option, a path, an address or anything else that is not a name.
    """
    if len(requirements) > MAX_REQUIREMENTS:
        raise Invalid(
            f"{field}: expected at most {MAX_REQUIREMENTS}, got {len(requirements)}",
            code="requirement_invalid",
            field=field,
        )
    return tuple(_parse(text, f"{field}.{index}") for index, text in enumerate(requirements))


def with_own_requirement(requirements: Sequence[str], own: str) -> tuple[str, ...]:
    """The requirements with what every run needs (`mlflow==3.17.2`), unless they ask for a version of it themselves."""
    name = canonicalize_name(Requirement(own).name)
    wanted = (Requirement(text.partition(" --hash=")[0]) for text in requirements)
    named = [each for each in wanted if canonicalize_name(each.name) == name]
    return tuple(requirements) if any(each.specifier for each in named) else (*requirements, own)


def own_tracking_uri(uri: str) -> str:
    """What to say of a script that pointed MLflow elsewhere. What may be a password in the address is not repeated."""
    place = urlsplit(uri)
    shown = uri if place.username is None else place._replace(netloc=place.netloc.rpartition("@")[2]).geturl()
    return (
        f"the script set a tracking URI of its own, {shown[:200]!r}, so the platform does not see what it logs: remove "
        "mlflow.set_tracking_uri(...), for the platform sets MLFLOW_TRACKING_URI"
    )


def script_sha256(job: Job) -> str:
    """The digest of the script that a job runs."""
    known = job.request.get("script_sha256")
    return known or hashlib.sha256(str(job.request["script_content"]).encode()).hexdigest()


def script_environment(
    *,
    tracking_uri: str,
    experiment_name: str,
    tags: Mapping[str, str],
    given: Mapping[str, str] = MappingProxyType({}),
    plots_inline: bool = False,
) -> dict[str, str]:
    """The variables that a script sees besides its own places: those that the request gives, and the tracker's.

    Every run that the script starts carries `tags`: MLflow's client reads them from MLFLOW_RUN_CONTEXT.
    """
    return {
        **given,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_EXPERIMENT_NAME": experiment_name,
        "MLFLOW_RUN_CONTEXT": json.dumps(dict(tags)),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        "MPLBACKEND": _INLINE if plots_inline else "Agg",
    }


def _parse(line: str, field: str) -> str:
    text, *hashes = line.split(" --hash=")
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    are_hashes = all(_HASH.fullmatch(each.strip()) for each in hashes) and len(hashes) <= _MAX_HASHES
    if requirement is None or requirement.url is not None or len(text) > _MAX_LENGTH or not are_hashes:
        shown = repr(text if len(text) <= 80 else text[:80] + "…")
        raise Invalid(
            f"{field}: expected a package's name with versions, like 'scikit-learn>=1.5' (no options, paths or "
            f"addresses), got {shown}",
            code="requirement_invalid",
            field=field,
        )
    if hashes and not _is_pinned(requirement):
        raise Invalid(
            f"{field}: expected a version with == where hashes are given, got {str(requirement)!r}",
            code="requirement_invalid",
            field=field,
        )
    return " ".join([str(requirement), *(f"--hash={each.strip()}" for each in hashes)])


def _is_pinned(requirement: Requirement) -> bool:
    specifiers = list(requirement.specifier)
    return len(specifiers) == 1 and specifiers[0].operator == "==" and not specifiers[0].version.endswith(".*")
