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
        address = f"{url.rstrip('/')}/openapi.json"
        try:
            with (
                httpx.Client(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("GET", address) as response,
            ):
                response.raise_for_status()
                content = _read(response)
                document = None if content is None else httpx.Response(200, content=content).json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
            logger.info("a model server gives no document", url=url, reason=str(exc))
            return None
        return document if isinstance(document, dict) else None


def _read(response: httpx.Response) -> bytes | None:
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _MOST_BYTES:
            return None
    return bytes(content)
