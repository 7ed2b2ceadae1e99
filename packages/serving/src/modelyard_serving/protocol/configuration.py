"""The model configuration extension: a model's configuration in Triton's terms, as far as any model has one."""

from collections.abc import Sequence
from typing import Any

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import Signature, TensorSpec

MAX_BATCH_SIZE = 4096
"""What a configuration says of a model that takes batches: it has no limit of its own but the body's."""


def configuration(*, name: str, platform: str, signature: Signature) -> dict[str, Any]:
    """The configuration that performance analysers ask for.

    A model all of whose tensors have a variable first dimension takes batches, and its `dims` leave that dimension out.
    Any other model has `max_batch_size` 0 and all of its dimensions. The outputs are those of the metadata, because
    Triton's analyser looks each one up there.
    """
    specs = (*signature.inputs, *signature.default_outputs)
    has_batches = bool(specs) and all(spec.shape[:1] == (-1,) for spec in specs)
    return {
        "name": name,
        "platform": platform,
        "backend": platform.partition("_")[0],
        "max_batch_size": MAX_BATCH_SIZE if has_batches else 0,
        "input": _tensors(signature.inputs, has_batches=has_batches),
        "output": _tensors(signature.default_outputs, has_batches=has_batches),
    }


def _tensors(specs: Sequence[TensorSpec], *, has_batches: bool) -> list[dict[str, Any]]:
    return [_tensor(spec, spec.shape[1:] if has_batches else spec.shape) for spec in specs]


def _tensor(spec: TensorSpec, dims: Sequence[int]) -> dict[str, Any]:
    configuration_entry: dict[str, Any] = {
        "name": spec.name,
        "data_type": "TYPE_STRING" if spec.datatype is Datatype.BYTES else f"TYPE_{spec.datatype}",
        "dims": list(dims),
    }
    if spec.optional:
        configuration_entry["optional"] = True
    return configuration_entry
