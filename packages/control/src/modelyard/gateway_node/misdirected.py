"""What a caller gets when no server of the version that was named could be found, though several were asked. Pure.

A model server refuses a request that names another version; the route sends it again, on other connections. What is
left after that lasts a moment: the version has gone, and the next configuration says so with 404.
"""

from typing import Any

from modelyard.envoy.resources import typed

MISDIRECTED_HEADER = "modelyard-misdirected"
"""Of such a refusal."""
_SENTENCE = "the version that was asked for is being replaced, and none of its servers is left; try again"
_NAME = "modelyard.misdirected"


def misdirected_filter() -> dict[str, Any]:
    """The filter: it gives such a refusal the form of the gateway's own errors, and of gRPC's."""
    answer = typed(
        "envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy",
        status_code=503,
        body={"inline_string": _SENTENCE},
        response_headers_to_add=[{"header": {"key": "retry-after", "value": "1"}}],
    )
    is_refusal = {
        "single_predicate": {
            "input": {
                "name": MISDIRECTED_HEADER,
                "typed_config": typed(
                    "envoy.type.matcher.v3.HttpResponseHeaderMatchInput", header_name=MISDIRECTED_HEADER
                ),
            },
            "value_match": {"exact": "1"},
        }
    }
    matcher = {"predicate": is_refusal, "on_match": {"action": {"name": _NAME, "typed_config": answer}}}
    return {
        "name": _NAME,
        "typed_config": typed(
            "envoy.extensions.filters.http.custom_response.v3.CustomResponse",
            custom_response_matcher={"matcher_list": {"matchers": [matcher]}},
        ),
    }
