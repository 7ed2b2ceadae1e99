"""What a model really answers: the datatypes and shapes of its outputs, taken from answers and not from what somebody
declared or a library's conventions make likely."""

from dataclasses import replace

from modelyard_serving.protocol.response_builder import to_protocol_array
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.signature import Signature, TensorSpec
from modelyard_serving.synthetic_rows import split_rows


def observe(model: Model, rows: Tensors) -> None:
    """Have the model's signature say of its outputs what they are. Of a model that answers none of the rows it says
    what it said before."""
    for asked in (rows, *split_rows(rows)):
        try:
            answers = _answers(model, asked)
        except Exception:  # noqa: BLE001, S112  # It refuses these rows, or fails: whoever serves it will be told.
            continue
        model.signature = replace(model.signature, outputs=_outputs(model.signature, answers))
        return


def _answers(model: Model, rows: Tensors) -> dict[str, TensorSpec]:
    names = [spec.name for spec in model.signature.outputs] or None
    answers = {}
    for name, array in model.predict(rows, outputs=names).items():
        datatype, tensor = to_protocol_array(name, array)
        answers[name] = TensorSpec(name, datatype, tensor.shape)
    return answers


def _outputs(signature: Signature, answers: dict[str, TensorSpec]) -> tuple[TensorSpec, ...]:
    told = signature.outputs or tuple(replace(seen, shape=(-1,) * len(seen.shape)) for seen in answers.values())
    is_fixed = bool(signature.inputs) and all(-1 not in spec.shape[1:] for spec in signature.inputs)
    return tuple(_output(spec, answers.get(spec.name), is_fixed=is_fixed) for spec in told)


def _output(spec: TensorSpec, seen: TensorSpec | None, *, is_fixed: bool) -> TensorSpec:
    """One output as it was seen. A size stands for all answers where every input's row has one size, else where it was
    declared; the first one counts the rows."""
    if seen is None:
        return spec
    is_alike = len(spec.shape) == len(seen.shape)
    if is_fixed:
        row = seen.shape[1:]
    else:
        row = tuple(
            size if is_alike and declared == size else -1
            for size, declared in zip(seen.shape[1:], spec.shape[1:] if is_alike else seen.shape[1:], strict=True)
        )
    return replace(spec, datatype=seen.datatype, shape=(-1, *row))
