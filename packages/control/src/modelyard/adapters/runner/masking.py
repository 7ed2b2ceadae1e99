"""Keeps secrets out of a log: whatever looks like one is replaced, also where it comes in two pieces.

Replaced are a secret as it is, as JSON, Python or a URL writes it, in base64 at any place of a longer text, and each
line of 8 characters or more of a secret of several lines. Not recognised are other encodings (hexadecimal, compressed,
encrypted), parts of a line, and text that the script itself takes apart.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from urllib.parse import quote, quote_plus

MASK = b"***"
_SHORTEST_LINE = 8
_SHORTEST_BASE64 = 5
_MOST_HELD = 1024 * 1024


class Mask:
    """Replaces secrets in a stream of bytes."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._patterns = sorted({pattern for secret in secrets for pattern in _forms(secret)}, key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown by now. The beginning of what may become a secret is held back until the next call."""
        if not self._patterns:
            return data
        text = self._held + data
        hidden = self._hidden(text)
        cut = len(text) - self._beginning_at_end(text)
        for start, end in hidden:
            if start < cut < end and len(text) - start < _MOST_HELD:
                cut = start
        self._held = text[cut:]
        return _replaced(text, hidden, cut)

    def flush(self) -> bytes:
        """What was held back, when nothing more comes."""
        text, self._held = self._held, b""
        return _replaced(text, self._hidden(text), len(text))

    def whole(self, text: str) -> str:
        """A text that comes in one piece."""
        data = text.encode(errors="surrogateescape")
        return _replaced(data, self._hidden(data), len(data)).decode(errors="replace")

    def _hidden(self, text: bytes) -> list[tuple[int, int]]:
        """Where secrets are, from and to; those that overlap are one."""
        found = sorted(place for pattern in self._patterns for place in _places(text, pattern))
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _beginning_at_end(self, text: bytes) -> int:
        """How many bytes at the end of the text are the beginning of a secret; the most, when there are several."""
        return max(_overlap(text, pattern) for pattern in self._patterns)


def _forms(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    written = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    written |= {quote(secret, safe=""), quote_plus(secret)}
    written |= {line.strip() for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_LINE}
    yield from (text.encode() for text in written if text)
    yield from (form for shift in range(3) for form in _base64(raw, shift) if len(form) >= _SHORTEST_BASE64)


def _base64(raw: bytes, shift: int) -> Iterator[bytes]:
    """The characters that only the secret decides, where `shift` bytes before it share its first group of three."""
    before = (0, 2, 3)[shift]
    after = (0, 3, 2)[(shift + len(raw)) % 3]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(bytes(shift) + raw)
        yield encoded[before : len(encoded) - after]


def _places(text: bytes, pattern: bytes) -> Iterator[tuple[int, int]]:
    """Where it is, from and to; of those that overlap, one place with all of them."""
    start = text.find(pattern)
    while start >= 0:
        end = start + len(pattern)
        # The last one that begins inside of what was found: with a secret of one character, each byte begins one.
        while (later := text.rfind(pattern, end - len(pattern) + 1, end - 1 + len(pattern))) >= 0:
            end = later + len(pattern)
        yield start, end
        start = text.find(pattern, end)


def _overlap(text: bytes, pattern: bytes) -> int:
    end = text[-(len(pattern) - 1) :] if len(pattern) > 1 else b""
    start = end.find(pattern[:1])
    while start >= 0:
        if pattern.startswith(end[start:]):
            return len(end) - start
        start = end.find(pattern[:1], start + 1)
    return 0


def _replaced(text: bytes, hidden: Sequence[tuple[int, int]], until: int) -> bytes:
    shown, at = [], 0
    for start, end in hidden:
        if start >= until:
            break
        shown += [text[at:start], MASK]
        at = end
    shown.append(text[min(at, until) : until])
    return b"".join(shown)
