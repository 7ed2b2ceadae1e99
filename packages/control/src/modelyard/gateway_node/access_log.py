"""The access log: one line of JSON for each request, without query strings, bodies and credentials. Pure."""

from pathlib import Path
from typing import Any

from modelyard.envoy.resources import typed

ROUTE_METADATA = "modelyard"
"""Where a route says of itself what the log and answers show: `tenant`, `api`, `model`, `code`."""

_FIELDS = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "grpc_status": "%GRPC_STATUS_NUMBER%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "route": "%ROUTE_NAME%",
    "tenant": f"%METADATA(ROUTE:{ROUTE_METADATA}:tenant)%",
    "api": f"%METADATA(ROUTE:{ROUTE_METADATA}:api)%",
    "model": f"%METADATA(ROUTE:{ROUTE_METADATA}:model)%",
    "version": "%RESP(MODELYARD-VERSION)%",
    "backend": "%UPSTREAM_CLUSTER%",
    "endpoint": "%UPSTREAM_HOST%",
    "subscription": "%REQ(MODELYARD-SUBSCRIPTION)%",
    "over_limit": "%REQ(MODELYARD-OVER-LIMIT)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "milliseconds": "%DURATION%",
    "backend_milliseconds": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "request_id": "%REQ(X-REQUEST-ID)%",
}


def access_log(path: Path) -> dict[str, Any]:
    """Appends to this file; Envoy gathers lines, and writes them once a second."""
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": typed(
            "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            path=str(path),
            log_format={"json_format": _FIELDS, "omit_empty_values": True},
        ),
    }
