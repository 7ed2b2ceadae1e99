"""The public keys of an issuer of tokens (a JWKS, RFC 7517), checked before a gateway verifies with them. Pure."""

import json
from typing import Any

from modelyard.errors import Invalid

MOST_BYTES = 100_000
_MOST_KEYS = 20
_PUBLIC_FIELDS = {
    "RSA": frozenset({"n", "e"}),
    "EC": frozenset({"crv", "x", "y"}),
    "OKP": frozenset({"crv", "x"}),
}
_ABOUT = frozenset({"kty", "kid", "use", "alg"})
_SHORTEST_MODULUS = 340
"""Characters of base64url of 2,048 bits, nearly."""


def public_keys(content: Any) -> str:
    """The keys that verify signatures, as JSON with nothing else in it.

    A symmetric key is refused: whoever knows it could make tokens, and a public key could be taken for one.

    Raises:
        Invalid: code `jwks_invalid`.
    """
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MOST_KEYS:
        raise _invalid("jwks.keys", f"expected a list of 1 to {_MOST_KEYS} keys")
    signing = [_public(key, f"jwks.keys.{index}") for index, key in enumerate(keys) if _signs(key)]
    if not signing:
        raise _invalid("jwks.keys", "expected a key that verifies signatures, and all are for another use")
    return json.dumps({"keys": signing}, sort_keys=True)


def _signs(key: Any) -> bool:
    return not (isinstance(key, dict) and key.get("use", "sig") != "sig")


def _public(key: Any, field: str) -> dict[str, str]:
    kind = key.get("kty") if isinstance(key, dict) else None
    if not isinstance(kind, str) or kind not in _PUBLIC_FIELDS:
        raise _invalid(f"{field}.kty", f"expected RSA, EC or OKP, got {kind!r}")
    if "d" in key or "p" in key:
        raise _invalid(field, "expected a public key, and a private one came: replace it, it is known now")
    wanted = _PUBLIC_FIELDS[kind] | (_ABOUT & key.keys())
    kept = {name: key.get(name) for name in sorted(wanted)}
    for name, value in kept.items():
        if not isinstance(value, str) or not value:
            raise _invalid(f"{field}.{name}", "expected text")
    if kind == "RSA" and len(kept["n"] or "") < _SHORTEST_MODULUS:
        raise _invalid(f"{field}.n", "expected an RSA key of 2048 bits or more")
    return {name: str(value) for name, value in kept.items()}


def _invalid(field: str, what: str) -> Invalid:
    return Invalid(f"{field}: {what}", code="jwks_invalid", field=field)
