"""What a tenant's model or experiment is called in MLflow, which knows no tenants. Pure.

A tenant's id holds no two hyphens in a row, so the first `--` parts it from the name. Of a model this is only the first
choice: the name that it has there is kept with it (registry/tables.py), as no two may share one, and one that is
imported keeps what it was called.
"""

from collections.abc import Iterator
from itertools import count

from modelyard.naming import short_digest
from modelyard.principals import FIRST_TENANT

_BETWEEN = "--"
JOB_TAG = "modelyard.job_id"
"""What a script logs carries it in the tracker, and says so which job has run it."""
MAX_MIRROR_NAME = 256
"""MLflow's column of a registered model's name."""


def mirror_name(tenant_id: str, name: str) -> str:
    """The first tenant's models and experiments keep their names, unless such a name could be another tenant's."""
    if tenant_id == FIRST_TENANT and _BETWEEN not in name:
        return name
    return f"{tenant_id}{_BETWEEN}{name}"


def mirror_names(tenant_id: str, model_name: str) -> Iterator[str]:
    """Names for a tenant's model, the one that people expect first; for when another model has it already."""
    first = mirror_name(tenant_id, model_name)
    if len(first) <= MAX_MIRROR_NAME:
        yield first
    for attempt in count():
        digest = short_digest(first, attempt)
        yield f"{first[: MAX_MIRROR_NAME - 1 - len(digest)]}-{digest}"


def model_of_mirror(name: str) -> tuple[str, str]:
    """The tenant and the model that a name in MLflow speaks of."""
    tenant_id, between, model_name = name.partition(_BETWEEN)
    return (tenant_id, model_name) if between else (FIRST_TENANT, name)
