"""Server and model metadata, as in the protocol's metadata and index."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard_serving import __version__
from modelyard_serving.drift.profile import Profile
from modelyard_serving.runtimes.base import Model
from modelyard_serving.runtimes.devices import CPU
from modelyard_serving.signature import Signature, TensorSpec

SERVER_NAME = "modelyard-serving"
EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "parameters",
    "schedule_policy",
    "statistics",
)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model with the names under which it is known."""

    model: Model
    name: str
    version: str
    run_id: str | None = None
    mlflow_uri: str | None = None
    """The address of the tracking server; None where it is not configured."""
    example: Any = None
    """A payload in a form that `/predict` takes."""
    profile: Profile | None = None
    """Of its training data; None where that is not known."""

    @property
    def device(self) -> str:
        """What the model computes on: `cpu`, or a GPU by its number. Most libraries know the CPU only."""
        return str(getattr(self.model, "device", CPU))


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    name: str = SERVER_NAME
    version: str = __version__
    extensions: tuple[str, ...] = EXTENSIONS


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """The outputs of a request that names none."""
    properties: Mapping[str, str]
    """`optional_outputs`: the names of those that are returned only on request."""

    @classmethod
    def of(cls, served: ServedModel) -> "ModelMetadata":
        signature = served.model.signature
        return cls(
            name=served.name,
            versions=(served.version,),
            platform=served.model.platform,
            inputs=signature.inputs,
            outputs=signature.default_outputs,
            properties=_properties(signature),
        )


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One entry of the repository's index."""

    name: str
    version: str
    state: str
    reason: str = ""


def _properties(signature: Signature) -> dict[str, str]:
    optional = [spec.name for spec in signature.outputs if spec.optional]
    return {"optional_outputs": ",".join(optional)} if optional else {}
