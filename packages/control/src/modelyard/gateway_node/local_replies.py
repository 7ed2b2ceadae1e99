"""Errors that the gateway answers itself, in one form: `{"error", "code", "request_id"}`, without a query string. Pure.

A call of gRPC gets its status and message from Envoy, so its answers are left as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.gateway_node.access_log import ROUTE_METADATA
from modelyard.gateway_node.filters import FILTER_METADATA

_IS_NOT_GRPC = {
    "header_filter": {
        "header": {
            "name": "content-type",
            "string_match": {"prefix": "application/grpc"},
            "invert_match": True,
            "treat_missing_header_as_empty": True,
        }
    }
}
_CODE_OF_ROUTE = f"%METADATA(ROUTE:{ROUTE_METADATA}:code)%"
"""Of a route that answers in place of a server."""
_REFUSAL = f"%DYNAMIC_METADATA({FILTER_METADATA}:refusal)%"
_IS_REFUSAL = {
    "metadata_filter": {
        "matcher": {"filter": FILTER_METADATA, "path": [{"key": "refusal"}], "value": {"present_match": True}},
        "match_if_key_not_found": False,
    }
}
"""Whether a filter refused the request, and said why."""


def _status(operator: str, value: int) -> dict[str, Any]:
    """Compares the status of the answer. Envoy wants a key of its runtime too, which nobody sets."""
    compared = {"default_value": value, "runtime_key": f"modelyard.status.{value}"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": compared}}}


def _flagged(*flags: str) -> dict[str, Any]:
    return {"response_flag_filter": {"flags": list(flags)}}


def _mapper(code: str, *filters: Mapping[str, Any], error: str = "%LOCAL_REPLY_BODY%") -> dict[str, Any]:
    return {
        "filter": {"and_filter": {"filters": [*filters, _IS_NOT_GRPC]}},
        "body_format_override": {
            "content_type": "application/json",
            "json_format": {"error": error, "code": code, "request_id": "%REQ(X-REQUEST-ID)%"},
            "omit_empty_values": True,
        },
    }


_MAPPERS: Sequence[Mapping[str, Any]] = (
    _mapper(_REFUSAL, _IS_REFUSAL),
    _mapper(
        "rate_limit_exceeded", _status("EQ", 429), error="more requests than the rate limit allows; try again later"
    ),
    _mapper("request_timeout", _flagged("UT"), error="the model did not answer in time"),
    _mapper("backend_overloaded", _flagged("UO"), error="the model has more requests than it takes; try again"),
    _mapper("backend_unavailable", _flagged("UH", "NC"), error="no server of the model is ready; try again"),
    _mapper("backend_unavailable", _flagged("UF"), error="the model's server cannot be reached; try again"),
    _mapper("backend_failed", _flagged("UC", "UR", "UPE"), error="the model's server ended while it answered"),
    _mapper("request_too_slow", _status("EQ", 408), error="the request did not arrive in time"),
    _mapper("headers_too_large", _status("EQ", 431), error="the request's headers are too large"),
    _mapper("request_malformed", _flagged("DPE"), error="the request is no valid HTTP"),
    _mapper(_CODE_OF_ROUTE, _status("GE", 400)),
)
LOCAL_REPLIES = {"mappers": _MAPPERS}
