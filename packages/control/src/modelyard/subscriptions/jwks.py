"""The public keys of an issuer of tokens (a JWKS, RFC 7517), checked before a gateway verifies with them. Pure.

A data plane takes all keys of all tenants or none of its whole configuration, so each key is read here as it will read
it, and written anew.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from modelyard.errors import Invalid

MOST_BYTES = 100_000
_MOST_KEYS = 20
_PUBLIC_FIELDS = {
    "RSA": frozenset({"n", "e"}),
    "EC": frozenset({"crv", "x", "y"}),
    "OKP": frozenset({"crv", "x"}),
}
_ABOUT = frozenset({"kty", "kid", "use", "alg"})
_ALGORITHMS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        "P-256": frozenset({"ES256"}),
        "P-384": frozenset({"ES384"}),
        "P-521": frozenset({"ES512"}),
        "Ed25519": frozenset({"EdDSA"}),
    }
)
"""What a gateway verifies, by the curve of a key; RSA has none."""
_READERS: Mapping[str, type[Algorithm]] = MappingProxyType(
    {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}
)
_MODULUS_CHARACTERS = range(340, 1367)
"""Of base64url: 2,048 bits, nearly, to 8,192."""
_EXPONENTS = frozenset({3, 65537})
"""BoringSSL, with which Envoy verifies, takes no others."""


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
        raise _invalid(
            "jwks.keys", "expected a key that verifies signatures, and all are for another use, curve or algorithm"
        )
    return json.dumps({"keys": signing}, sort_keys=True)


def _signs(key: Any) -> bool:
    """Whether a gateway verifies with it. Keys of other kinds are left out, as verifiers do (RFC 7517, 5)."""
    if not isinstance(key, dict):
        return True  # `_public` says what is wrong.
    if key.get("use", "sig") != "sig":
        return False
    curve = "RSA" if key.get("kty") == "RSA" else key.get("crv")
    if not isinstance(curve, str):
        return True
    algorithms = _ALGORITHMS.get(curve, frozenset())
    return bool(algorithms) and ("alg" not in key or str(key["alg"]) in algorithms)


def _public(key: Any, field: str) -> dict[str, str]:
    kind = key.get("kty") if isinstance(key, dict) else None
    if not isinstance(kind, str) or kind not in _PUBLIC_FIELDS:
        raise _invalid(f"{field}.kty", f"expected RSA, EC or OKP, got {kind!r}")
    if "d" in key or "p" in key:
        raise _invalid(field, "expected a public key, and a private one came: replace it, it is known now")
    wanted = _PUBLIC_FIELDS[kind] | (_ABOUT & key.keys())
    kept = {name: key.get(name) for name in sorted(wanted | {"kty"})}
    for name, value in kept.items():
        if not isinstance(value, str) or not value:
            raise _invalid(f"{field}.{name}", "expected text")
    if kind == "RSA" and len(kept["n"] or "") not in _MODULUS_CHARACTERS:
        raise _invalid(f"{field}.n", "expected an RSA key of 2048 bits or more, 8192 at most")
    written = _written_anew(kind, kept, field)
    return {name: str(written[name] if name in _PUBLIC_FIELDS[kind] else value) for name, value in kept.items()}


def _written_anew(kind: str, key: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The key in its one spelling."""
    try:
        found = _READERS[kind].from_jwk(dict(key))
        written: dict[str, Any] = _READERS[kind].to_jwk(found, as_dict=True)
    except (InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError) as exc:
        raise _invalid(field, f"expected a public key of kind {kind} that can be used: {exc}") from exc
    if kind == "RSA" and not (found.public_numbers().n % 2 and found.public_numbers().e in _EXPONENTS):
        raise _invalid(field, "expected a public key of kind RSA with an odd modulus and the exponent 3 or 65537")
    return written


def _invalid(field: str, what: str) -> Invalid:
    return Invalid(f"{field}: {what}", code="jwks_invalid", field=field)
