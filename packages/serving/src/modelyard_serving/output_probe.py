"""Determines the datatypes and shapes of a model's outputs from a prediction, and not from its declared signature or a
library's conventions."""

from dataclasses import replace

from modelyard_serving.protocol.response_builder import to_protocol_array
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.signature import Signature, TensorSpec
from modelyard_serving.synthetic_rows import split_rows


def probe_outputs(model: Model, rows: Tensors) -> None:
    """Set the outputs of the model's signature from a prediction. A model that accepts none of the rows keeps its
    declared outputs."""
    for row_set in (rows, *split_rows(rows)):
        try:
            observed = _observed_outputs(model, row_set)
        except Exception:  # noqa: BLE001, S112  # It rejects these rows, or fails; serving it will report that.
            continue
        model.signature = replace(model.signature, outputs=_outputs(model.signature, observed))
        return


def _observed_outputs(model: Model, rows: Tensors) -> dict[str, TensorSpec]:
    names = [spec.name for spec in model.signature.outputs] or None
    observed = {}
    for name, array in model.predict(rows, outputs=names).items():
        datatype, tensor = to_protocol_array(name, array)
        observed[name] = TensorSpec(name, datatype, tensor.shape)
    return observed


def _outputs(signature: Signature, observed: dict[str, TensorSpec]) -> tuple[TensorSpec, ...]:
    declared_outputs = signature.outputs or tuple(
        replace(observed_spec, shape=(-1,) * len(observed_spec.shape)) for observed_spec in observed.values()
    )
    is_fixed = bool(signature.inputs) and all(-1 not in spec.shape[1:] for spec in signature.inputs)
    return tuple(_output(spec, observed.get(spec.name), is_fixed=is_fixed) for spec in declared_outputs)


def _output(spec: TensorSpec, observed_spec: TensorSpec | None, *, is_fixed: bool) -> TensorSpec:
    """One output as observed. An observed size is fixed where every input's row has fixed sizes, or where it was
    declared; the first dimension counts the rows."""
    if observed_spec is None:
        return spec
    is_alike = len(spec.shape) == len(observed_spec.shape)
    if is_fixed:
        row = observed_spec.shape[1:]
    else:
        row = tuple(
            size if is_alike and declared == size else -1
            for size, declared in zip(
                observed_spec.shape[1:], spec.shape[1:] if is_alike else observed_spec.shape[1:], strict=True
            )
        )
    return replace(spec, datatype=observed_spec.datatype, shape=(-1, *row))
