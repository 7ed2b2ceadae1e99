"""What an operator says of how a cluster is reached, wherever one may be named."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Toleration(BaseModel):
    """As the field of a pod."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = Field(default=None, alias="tolerationSeconds")


class ClusterOptions(BaseModel):
    """A cluster that a kubeconfig names, or the one in which the control plane itself runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kubeconfig: Path | None = None
    context: str | None = None
    in_cluster: bool = False

    @model_validator(mode="after")
    def _name_one_cluster(self) -> Self:
        if self.in_cluster == (self.kubeconfig is not None):
            raise ValueError(
                "expected either kubeconfig (the path of a file), with a context if need be, or in_cluster"
            )
        if self.in_cluster and self.context is not None:
            raise ValueError("expected a context with a kubeconfig only")
        return self
