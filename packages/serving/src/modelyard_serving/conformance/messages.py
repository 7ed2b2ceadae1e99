"""The protocol's gRPC requests and answers from and to the suite's tensors, and what is to be expected of a status."""

from collections.abc import Callable
from typing import Any

import numpy as np

from modelyard_serving.conformance.rpc import RpcFailed
from modelyard_serving.conformance.rules import NotApplicable, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import CONTENTS, RAW_ONLY, Tensor, from_bytes, objects
from modelyard_serving.protocol.proto import open_inference_pb2 as pb


def typed(subject: Subject) -> pb.ModelInferRequest:
    """A valid request in the typed form; only given when the server answers it."""
    message = unverified_typed(subject)
    _require_sample(subject, message)
    return message


def raw(subject: Subject) -> pb.ModelInferRequest:
    """A valid request in the raw form; only given when the server answers it."""
    message = unverified_raw(subject)
    _require_sample(subject, message)
    return message


def unverified_typed(subject: Subject) -> pb.ModelInferRequest:
    """A request in the typed form that ought to be valid."""
    message = pb.ModelInferRequest(model_name=subject.model)
    for tensor in subject.unverified_sample:
        if tensor.datatype in RAW_ONLY:
            raise NotApplicable(f"{tensor.datatype} has no typed form")
        added = message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        getattr(added.contents, CONTENTS[tensor.datatype]).extend(tensor.data.tolist())
    return message


def unverified_raw(subject: Subject, *, tensors: tuple[Tensor, ...] | None = None) -> pb.ModelInferRequest:
    """A request in the raw form that ought to be valid."""
    message = pb.ModelInferRequest(model_name=subject.model)
    for tensor in tensors or subject.unverified_sample:
        message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        message.raw_input_contents.append(tensor.to_bytes())
    return message


def infer(subject: Subject, message: pb.ModelInferRequest) -> pb.ModelInferResponse:
    """ModelInfer. Raises RpcFailed for a status other than OK."""
    return subject.rpc.call("ModelInfer", message, pb.ModelInferResponse)


def infer_outputs(subject: Subject, message: pb.ModelInferRequest) -> list[Tensor]:
    """The outputs of a request that must be answered."""
    return outputs(infer(subject, message))


def outputs(message: pb.ModelInferResponse) -> list[Tensor]:
    """The outputs of an answer, raw or typed. Raises Violation where the answer is not well-formed."""
    blobs = list(message.raw_output_contents)
    if blobs and len(blobs) != len(message.outputs):
        raise Violation(f"{len(message.outputs)} outputs came with {len(blobs)} raw contents")
    return [_output(tensor, blobs[index] if blobs else None) for index, tensor in enumerate(message.outputs)]


def refused(call: Callable[[], object], *, code: str | None = None) -> None:
    """Raise Violation unless the call ends with a status other than OK, or with the very code."""
    try:
        call()
    except RpcFailed as exc:
        if code is not None and exc.code != code:
            raise Violation(f"expected {code}, {exc.code} came: {exc.details[:200]}") from exc
        return
    raise Violation(f"expected {code or 'an error'}, OK came")


def _require_sample(subject: Subject, message: pb.ModelInferRequest) -> None:
    try:
        infer(subject, message)
    except RpcFailed as exc:
        raise NotApplicable(f"the plain valid request was not answered: {exc.code}") from exc


def _output(tensor: Any, blob: bytes | None) -> Tensor:
    head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    if blob is not None:
        return from_bytes(head, blob)
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        raise Violation(f"output '{tensor.name}' of {tensor.datatype!r} came in the typed form")
    values = list(getattr(tensor.contents, field))
    array = objects(values) if tensor.datatype == "BYTES" else np.array(values)
    whole = Tensor(tensor.name, tensor.datatype, tuple(tensor.shape), array)
    return from_bytes(head, whole.to_bytes())
