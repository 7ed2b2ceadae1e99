"""The OpenAPI documents of model servers, over HTTP."""

from collections.abc import Mapping
from typing import Any

import httpx
import structlog

logger = structlog.get_logger()

_SECONDS = 5.0
_MOST_BYTES = 4 * 1024 * 1024


class HttpModelDocuments:
    """See `ports/model_documents.py`. A document of more than 4 MB is none: no gateway would import it."""

    def fetch(self, url: str) -> Mapping[str, Any] | None:
        """See the port."""
        return fetch_document(f"{url.rstrip('/')}/openapi.json", seconds=_SECONDS)


def fetch_document(address: str, *, seconds: float) -> dict[str, Any] | None:
    """The JSON object at an address of a model server; None where there is none, or none that ends in time."""
    try:
        with (
            httpx.Client(timeout=seconds, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", address) as response,
        ):
            response.raise_for_status()
            content = _read(response)
            document = None if content is None else httpx.Response(200, content=content).json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as exc:
        logger.info("a model server gives no document", address=address, reason=str(exc))
        return None
    return document if isinstance(document, dict) else None


def _read(response: httpx.Response) -> bytes | None:
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _MOST_BYTES:
            return None
    return bytes(content)
