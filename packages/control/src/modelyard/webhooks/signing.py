"""Signs deliveries after the Standard Webhooks convention. Secrets come from a key that lies outside of the database.

So no secret is stored anywhere, and who reads the database or a copy of it cannot sign.
"""

import base64
import hashlib
import hmac
import os
import secrets
from datetime import datetime
from pathlib import Path

_KEY_BYTES = 32
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


def kept_key(path: Path) -> str:
    """The key in this file, made when it is not there. Of several processes that make it at once one wins."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()
