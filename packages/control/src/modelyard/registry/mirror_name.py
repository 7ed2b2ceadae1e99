"""What a tenant's model or experiment is called in MLflow, which knows no tenants; no two share a name there. Pure.

A tenant's id holds no two hyphens in a row and a model's name begins with a letter, so the first `--` parts the two.
"""

from modelyard.access.domain import FIRST_TENANT

_BETWEEN = "--"


def mirror_name(tenant_id: str, model_name: str) -> str:
    """The first tenant's models and experiments keep their names, unless such a name could be another tenant's."""
    if tenant_id == FIRST_TENANT and _BETWEEN not in model_name:
        return model_name
    return f"{tenant_id}{_BETWEEN}{model_name}"


def model_of_mirror(name: str) -> tuple[str, str]:
    """The tenant and the model behind a name in MLflow."""
    tenant_id, between, model_name = name.partition(_BETWEEN)
    return (tenant_id, model_name) if between else (FIRST_TENANT, name)
