"""Layers that are made once and found by the digest of their inputs, as long as their blob is in the layout."""

import json
from collections.abc import Callable
from pathlib import Path

from modelyard.atomic_file import replace_text
from modelyard.oci.blobs import Blobs, BlobWriter
from modelyard.oci.content import Descriptor, Digest
from modelyard.oci.layers import Layer
from modelyard.oci.layout import Layout
from modelyard.oci.strict_json import canonical_json

_FOLDER = ".layers"
_FORMAT = 1
"""Raised when the same inputs give other bytes than before."""


class LayerCache:
    """Layers by the digest of their inputs.

    `require_space` raises DiskFull when there is no space for so many bytes.
    """

    def __init__(self, folder: Path, blobs: Blobs, *, require_space: Callable[[int], None]) -> None:
        self._folder = folder
        self._blobs = blobs
        self._require_space = require_space

    @classmethod
    def of(cls, layout: Layout, *, require_space: Callable[[int], None]) -> "LayerCache":
        """Those of a layout."""
        return cls(layout.root / _FOLDER, layout.blobs, require_space=require_space)

    @staticmethod
    def remove_orphans(layout: Layout) -> None:
        """Forget layers whose blob is not in the layout any more."""
        for record in (layout.root / _FOLDER).glob("*.json"):
            known = _read(record)
            if known is not None and not layout.blobs.has(known.descriptor):
                record.unlink(missing_ok=True)

    def layer(
        self, inputs: object, write: Callable[[BlobWriter], Layer], *, size: int, in_background: bool = False
    ) -> Layer:
        """The layer of these inputs (plain JSON); `write` makes it, of about `size` bytes, where it is not here.

        `in_background`: as `Blobs.writer`.
        """
        path = self._folder / f"{Digest.of(canonical_json([_FORMAT, inputs])).hex}.json"
        known = _read(path)
        if known is not None and self._blobs.has(known.descriptor):
            return known
        self._require_space(size)
        with self._blobs.writer(in_background=in_background) as writer:
            layer = write(writer)
        document = {
            "descriptor": layer.descriptor.to_dict(),
            "diff_id": str(layer.diff_id),
            "comment": layer.comment,
        }
        self._folder.mkdir(parents=True, exist_ok=True)  # Somebody may have emptied the cache meanwhile.
        replace_text(path, json.dumps(document))
        return layer


def _read(path: Path) -> Layer | None:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return Layer(
        Descriptor.from_dict(document["descriptor"], "layer"), Digest(document["diff_id"]), document["comment"]
    )
