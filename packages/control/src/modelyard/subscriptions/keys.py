"""Subscription keys: their form, by which a scanner of secrets finds them, and their hash, which is all that is kept.

`mgk_`, 43 digits (0-9, A-Z, a-z) of 256 random bits, and 6 digits of the CRC-32 of what stands before them.
"""

import hashlib
import re
import secrets
import string
import zlib

KEY_PREFIX = "mgk_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BITS = 256
_RANDOM_DIGITS = 43
_CHECK_DIGITS = 6
_FORM = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{{_RANDOM_DIGITS + _CHECK_DIGITS}}}")


def new_key() -> str:
    """A fresh key."""
    body = KEY_PREFIX + _written(secrets.randbits(_RANDOM_BITS), _RANDOM_DIGITS)
    return body + _check(body)


def is_key(text: str) -> bool:
    """Whether a text has the form of a key, with a checksum that is right."""
    return bool(_FORM.fullmatch(text)) and _check(text[:-_CHECK_DIGITS]) == text[-_CHECK_DIGITS:]


def key_digest(key: str) -> str:
    """What is stored of a key. It has 256 random bits, so a plain hash cannot be searched backwards."""
    return hashlib.sha256(key.encode()).hexdigest()


def _check(body: str) -> str:
    return _written(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _written(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
