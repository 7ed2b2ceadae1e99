"""The elements of a tensor, their number, their order and their range."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from modelyard_serving.conformance.rest import infer, infer_outputs, not_broken, refused, request
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import DTYPES, RAW_ONLY, Tensor, same

group = Group("Elements", section="REST, tensor data", transport=Transport.REST)


def _with_data(subject: Subject, data: Any, *, index: int = 0) -> dict[str, Any]:
    body = request(subject)
    body["inputs"][index]["data"] = data
    return body


def _with_first_value(subject: Subject, value: Any, *, kinds: str) -> dict[str, Any]:
    """The valid request with one element of the first input whose datatype begins with one of `kinds` replaced."""
    for index, tensor in enumerate(subject.sample):
        if tensor.datatype[0] in kinds and tensor.data.size:
            return _with_data(subject, [value, *tensor.to_json()["data"][1:]], index=index)
    raise NotApplicable(f"no input has a datatype of the kind {'/'.join(kinds)}")


def _matrix(subject: Subject) -> tuple[int, Tensor]:
    for index, tensor in enumerate(subject.sample):
        if len(tensor.shape) >= 2 and tensor.shape[-1] > 1 and tensor.data.size > tensor.shape[-1]:
            return index, tensor
    raise NotApplicable("no input is a matrix of more than one row and column")


@group.must("R6.2a", "Nested data and flat data give the same answer")
def nested_is_flat(subject: Subject) -> None:
    nested = {"inputs": [tensor.to_json(nested=True) for tensor in subject.sample]}
    for flat, deep in zip(infer_outputs(subject, request(subject)), infer_outputs(subject, nested), strict=True):
        if not same(flat, deep):
            raise Violation(f"output '{flat.name}' differs")


@group.must("R6.2b", "Fewer elements than the shape asks for are refused")
def too_few(subject: Subject) -> None:
    refused(infer(subject, _with_data(subject, subject.sample[0].to_json()["data"][:-1])))


@group.must("R6.2c", "More elements than the shape asks for are refused")
def too_many(subject: Subject) -> None:
    data = subject.sample[0].to_json()["data"]
    refused(infer(subject, _with_data(subject, [*data, data[0]])))


@group.must("R6.2d", "Ragged data is refused")
def ragged(subject: Subject) -> None:
    index, tensor = _matrix(subject)
    data = tensor.to_json()["data"]
    width = tensor.shape[-1]
    refused(infer(subject, _with_data(subject, [data[: width - 1], data[width - 1 :]], index=index)))


@group.should("R6.2e", "Nested data of another structure than the shape is refused")
def other_structure(subject: Subject) -> None:
    index, tensor = _matrix(subject)
    if tensor.shape[0] == tensor.shape[-1]:
        raise NotApplicable("the input is square")
    turned = np.array(tensor.to_json()["data"], dtype=object).reshape(tensor.shape[::-1]).tolist()
    refused(infer(subject, _with_data(subject, turned, index=index)))


@group.should("R6.2f", "A row gives the same answer alone and in a batch")
def rows_are_independent(subject: Subject) -> None:
    if not subject.is_batched or any(tensor.shape[0] < 2 for tensor in subject.sample):
        raise NotApplicable("the sample is no batch of more than one row")
    batch_executor = infer_outputs(subject, request(subject))
    second = infer_outputs(subject, {"inputs": [tensor.row(1).to_json() for tensor in subject.sample]})
    for whole, alone in zip(batch_executor, second, strict=True):
        if whole.shape[:1] == (subject.sample[0].shape[0],) and not same(whole.row(1), alone):
            raise Violation(f"output '{whole.name}': row 1 differs alone")


@group.must("R6.6a", "Text in a numeric tensor is refused")
def text_for_a_number(subject: Subject) -> None:
    refused(infer(subject, _with_first_value(subject, "a", kinds="IUF")))


@group.must("R6.6b", "An integer out of the datatype's range is refused, never wrapped")
def out_of_range(subject: Subject) -> None:
    tensor = next((each for each in subject.sample if each.datatype[0] in "IU"), None)
    if tensor is None:
        raise NotApplicable("no input is of integers")
    limits = np.iinfo(np.dtype(DTYPES[tensor.datatype]))
    for value in (int(limits.max) + 1, int(limits.min) - 1):
        refused(infer(subject, _with_first_value(subject, value, kinds="IU")))


@group.should("R6.6c", "A fraction in an integer tensor is refused")
def fraction_for_an_integer(subject: Subject) -> None:
    refused(infer(subject, _with_first_value(subject, 1.5, kinds="IU")))


@group.should("R6.6d", "A number in a tensor of text is refused")
def number_for_text(subject: Subject) -> None:
    body = _with_first_value(subject, 7, kinds="B")
    if any(isinstance(value, bool) for value in body["inputs"][0]["data"]):
        raise NotApplicable("no input is of text")
    refused(infer(subject, body))


@group.should("R6.6e", "null, true and an object among the elements are answered or refused, never broken")
def odd_elements(subject: Subject) -> None:
    for value in (None, True, {}, {"a": 1}):
        not_broken(infer(subject, _with_first_value(subject, value, kinds="IUFB")))


@group.must("R6.6f", "Whole numbers in a tensor of floats are taken")
def integers_for_floats(subject: Subject) -> None:
    infer_outputs(subject, _with_first_value(subject, 1, kinds="F"))


@group.should("R6.6g", "A float out of the datatype's range is answered or refused, never broken")
def float_out_of_range(subject: Subject) -> None:
    body = json.dumps(_with_first_value(subject, 12345.5, kinds="F")).replace("12345.5", "1e400")
    not_broken(infer(subject, body.encode()))


@group.must("R6.11a", "FP16 and BF16 as JSON numbers are refused")
def half_precision(subject: Subject) -> None:
    if not any(spec.datatype in RAW_ONLY for spec in subject.inputs):
        raise NotApplicable("the model has no FP16 or BF16 input")
    tensors = [replace(each, data=each.data.astype("f4")) for each in subject.unverified_sample]
    refused(infer(subject, {"inputs": [tensor.to_json() for tensor in tensors]}))


@group.should("R6.11b", "NaN and Infinity, which are not JSON, are answered or refused, never broken")
def not_a_number(subject: Subject) -> None:
    body = json.dumps(_with_first_value(subject, 12345.5, kinds="F"))
    for literal in ("NaN", "Infinity", "-Infinity"):
        not_broken(infer(subject, body.replace("12345.5", literal).encode()))
