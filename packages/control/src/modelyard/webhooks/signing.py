"""Signs deliveries after the Standard Webhooks convention. Secrets come from a key that lies outside of the database.

So no secret is stored anywhere, and who reads the database or a copy of it cannot sign.
"""

import base64
import hashlib
import hmac
from datetime import datetime

_PREFIX = "whsec_"


class Signer:
    """Makes the secrets of webhooks, and signatures with them."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def secret(self, webhook_id: str, generation: int) -> str:
        """The secret that a webhook has in a generation, as its receiver keeps it."""
        return _PREFIX + base64.b64encode(self._raw(webhook_id, generation)).decode()

    def digest(self, webhook_id: str, generation: int) -> str:
        """What is stored of that secret."""
        return hashlib.sha256(self._raw(webhook_id, generation)).hexdigest()

    def headers(
        self, webhook_id: str, generations: tuple[int, ...], *, event_id: str, at: datetime, body: bytes
    ) -> dict[str, str]:
        """`webhook-id`, `webhook-timestamp` and `webhook-signature`, with one signature for each generation."""
        timestamp = str(int(at.timestamp()))
        signed = b".".join([event_id.encode(), timestamp.encode(), body])
        signatures = [
            base64.b64encode(hmac.digest(self._raw(webhook_id, generation), signed, hashlib.sha256)).decode()
            for generation in generations
        ]
        return {
            "webhook-id": event_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }

    def _raw(self, webhook_id: str, generation: int) -> bytes:
        return hmac.digest(self._key, f"webhook:{webhook_id}:{generation}".encode(), hashlib.sha256)
