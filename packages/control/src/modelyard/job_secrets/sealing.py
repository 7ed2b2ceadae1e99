"""Encrypts secrets with AES-256-GCM, each bound to its job and name: a row that is moved elsewhere does not open."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Seal:
    """Seals and opens with one key."""

    def __init__(self, key: str) -> None:
        self._cipher = AESGCM(_derived(key, b"encrypt"))
        self._digest_key = _derived(key, b"compare")

    def close(self, job_id: str, name: str, value: str) -> bytes:
        """The sealed value."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode(), _place(job_id, name))

    def open(self, job_id: str, name: str, sealed: bytes) -> str | None:
        """The value; None when it was sealed with another key, for another place, or changed."""
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, content, _place(job_id, name)).decode()
        except InvalidTag:
            return None

    def digest(self, name: str, value: str) -> str:
        """By which two values are compared without either; without the key nobody can try values out."""
        return hmac.digest(self._digest_key, f"{name}\0{value}".encode(), hashlib.sha256).hex()


def _derived(key: str, purpose: bytes) -> bytes:
    return hmac.digest(key.encode(), b"modelyard job secrets: " + purpose, hashlib.sha256)


def _place(job_id: str, name: str) -> bytes:
    return f"{job_id}\0{name}".encode()
