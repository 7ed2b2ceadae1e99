"""An input has a name, a shape, a datatype and data, and they are the model's."""

from typing import Any

from modelyard_serving.conformance.rest import infer, infer_outputs, not_broken, refused, request
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject

group = Group("Inputs", section="REST, inputs", transport=Transport.REST)


def _refuses(subject: Subject, **changes: Any) -> None:
    """The valid request with some fields of its first input changed is refused."""
    body = request(subject)
    body["inputs"][0].update(changes)
    refused(infer(subject, body))


def _refuses_without(subject: Subject, field: str) -> None:
    body = request(subject)
    del body["inputs"][0][field]
    refused(infer(subject, body))


def _shape(subject: Subject) -> list[Any]:
    shape = list(subject.sample[0].shape)
    if not shape:
        raise NotApplicable("the first input has no dimensions")
    return shape


@group.must("R6.1a", "An input without a name is refused")
def no_name(subject: Subject) -> None:
    _refuses_without(subject, "name")


@group.must("R6.1b", "An input without a shape is refused")
def no_shape(subject: Subject) -> None:
    _refuses_without(subject, "shape")


@group.must("R6.1c", "An input without a datatype is refused")
def no_datatype(subject: Subject) -> None:
    _refuses_without(subject, "datatype")


@group.must("R6.1d", "An input without data is refused")
def no_data(subject: Subject) -> None:
    _refuses_without(subject, "data")


@group.must("R6.1e", "A request without inputs is refused")
def no_inputs(subject: Subject) -> None:
    subject.sample  # noqa: B018 - asked only where a valid request is answered.
    refused(infer(subject, {}))


@group.must("R6.1f", "Inputs that are no list, and an input that is no object, are refused")
def inputs_of_another_kind(subject: Subject) -> None:
    tensor = request(subject)["inputs"][0]
    for inputs in ({tensor["name"]: tensor}, "inputs", 7, None, [7], [None]):
        refused(infer(subject, {"inputs": inputs}))


@group.must("R6.1g", "A negative dimension is refused")
def negative_dimension(subject: Subject) -> None:
    shape = _shape(subject)
    _refuses(subject, shape=[-1, *shape[1:]])
    _refuses(subject, shape=[-shape[0], *shape[1:]])


@group.must("R6.1h", "A dimension that is no integer is refused")
def odd_dimension(subject: Subject) -> None:
    shape = _shape(subject)
    for dimension in (shape[0] + 0.5, "two", None, [shape[0]]):
        _refuses(subject, shape=[dimension, *shape[1:]])


@group.must("R6.1i", "A datatype that the protocol does not have is refused")
def unknown_datatype(subject: Subject) -> None:
    for datatype in ("FLOAT", "FP128", "", 32):
        _refuses(subject, datatype=datatype)


@group.must("R6.1j", "A datatype that is not the input's is refused, where no conversion is thinkable")
def other_datatype(subject: Subject) -> None:
    is_text = subject.sample[0].datatype == "BYTES"
    count = subject.sample[0].data.size
    _refuses(subject, datatype="FP32" if is_text else "BYTES", data=[0.5] * count if is_text else ["text"] * count)


@group.must("R6.1k", "An input name that the model does not have is refused")
def wrong_name(subject: Subject) -> None:
    _refuses(subject, name="modelyard-no-such-input")


@group.must("R6.1l", "A request that lacks one of several inputs is refused")
def missing_input(subject: Subject) -> None:
    body = request(subject)
    if len(body["inputs"]) < 2:
        raise NotApplicable("the model has one input")
    body["inputs"].pop()
    refused(infer(subject, body))


@group.should("R6.1m", "A request with one more input than the model has is refused")
def extra_input(subject: Subject) -> None:
    body = request(subject)
    body["inputs"].append({**body["inputs"][0], "name": "modelyard-no-such-input"})
    refused(infer(subject, body))


@group.should("R6.1n", "An input that is given twice is refused")
def duplicate_input(subject: Subject) -> None:
    body = request(subject)
    body["inputs"].append(body["inputs"][0])
    refused(infer(subject, body))


@group.must("R6.1o", "A shape of another rank than the declared one is refused")
def wrong_rank(subject: Subject) -> None:
    _declared_shape(subject)
    _refuses(subject, shape=[1, 1, *_shape(subject)])


@group.must("R6.1p", "A dimension other than the declared fixed one is refused")
def wrong_dimension(subject: Subject) -> None:
    declared = _declared_shape(subject)
    fixed = [index for index, dim in enumerate(declared) if dim > 0]
    if not fixed:
        raise NotApplicable("the first input has no fixed dimension")
    tensor = request(subject)["inputs"][0]
    shape = _shape(subject)
    count = len(tensor["data"]) // shape[fixed[-1]]
    shape[fixed[-1]] += 1
    _refuses(subject, shape=shape, data=tensor["data"] + tensor["data"][:count])


@group.must("R6.1q", "A batch of three rows is answered with three rows")
def batch(subject: Subject) -> None:
    if not subject.is_batched:
        raise NotApplicable("the inputs' first dimension is fixed")
    batched = {spec.name for spec in subject.outputs if spec.shape[:1] == (-1,)}
    body = {"inputs": [tensor.with_rows(3).to_json() for tensor in subject.sample]}
    for tensor in infer_outputs(subject, body):
        if tensor.name in batched and tensor.shape[0] != 3:
            raise Violation(f"output '{tensor.name}' has {tensor.shape[0]} rows")


@group.should("R6.1r", "A request with an empty list of inputs, or with no rows, is answered or refused, never broken")
def emptiness(subject: Subject) -> None:
    not_broken(infer(subject, {"inputs": []}))
    not_broken(infer(subject, {"inputs": [tensor.with_rows(0).to_json() for tensor in subject.sample if tensor.shape]}))


def _declared_shape(subject: Subject) -> tuple[int, ...]:
    specs = {spec.name: spec.shape for spec in subject.inputs}
    shape = specs.get(subject.sample[0].name)
    if not shape:
        raise NotApplicable("the model declares no shape of its first input")
    return shape
