"""The drift counters of model servers, over HTTP."""

from typing import Any

from modelyard.adapters.model_server.documents import fetch_document
from modelyard.ports.drift_counts import ServedCounts

_SECONDS = 2.0
_LONGEST = 200


class HttpDriftCounts:
    """See `ports/drift_counts.py`. Each question opens a connection of its own: behind a balancer the next one then
    reaches another server."""

    def fetch(self, url: str) -> ServedCounts | None:
        """See the port."""
        document = fetch_document(f"{url.rstrip('/')}/drift", seconds=_SECONDS)
        return None if document is None else _read(document)


def _read(document: dict[str, Any]) -> ServedCounts | None:
    """What a server says is not believed: its model's code runs there."""
    named = {name: document.get(name) for name in ("version", "instance", "profile")}
    texts = {name: text for name, text in named.items() if isinstance(text, str) and len(text) <= _LONGEST}
    counts = document.get("counts")
    if texts.keys() != named.keys() or not isinstance(counts, list) or not all(map(_is_counts, counts)):
        return None
    return ServedCounts(texts["version"], texts["instance"], texts["profile"], counts)


def _is_counts(value: object) -> bool:
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 2**53 for each in value)
