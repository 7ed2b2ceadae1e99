"""The rules of the protocol as checks, one module per group of rules; `GROUPS` is the whole suite, in order."""

from modelyard_serving.conformance.checks import (
    binary_requests,
    binary_responses,
    compression,
    elements,
    errors,
    extensions,
    grpc_core,
    grpc_extensions,
    grpc_inference,
    grpc_refusals,
    health,
    inference,
    inputs,
    metadata,
    naming,
    outputs,
    parameters,
    robustness,
)
from modelyard_serving.conformance.rules import Check, Group

GROUPS: tuple[Group, ...] = tuple(
    module.group
    for module in (
        health, metadata, inference, inputs, elements, outputs, parameters, naming, errors,
        grpc_core, grpc_inference, grpc_refusals,
        binary_requests, binary_responses, compression,
        extensions, grpc_extensions,
        robustness,
    )
)  # fmt: skip

CHECKS: tuple[Check, ...] = tuple(check for group in GROUPS for check in group.checks)
"""Every check, in the order in which they are run and documented."""
