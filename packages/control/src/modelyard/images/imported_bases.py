"""Bases that were imported on this machine: root file systems as images of one layer, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelyard.errors import Invalid
from modelyard.images.base_source import checked_base_name
from modelyard.oci.base.bases import open_base
from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.content import REF_NAME, Descriptor
from modelyard.oci.layout import Layout

_PREFIX = "base/imported/"
"""How their names in the layout begin. No image's name does, since those begin with a host."""


@dataclass(frozen=True, slots=True)
class ImportedBase:
    """What can be built on it; `size` is in bytes, as it is stored."""

    name: str
    digest: str
    platform: str
    glibc: str
    pythons: Sequence[str]
    """`3.11`"""
    size: int


class ImportedBases:
    """Those of one layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def add(self, source: Path, *, name: str) -> ImportedBase:
        """Import a folder or a tar archive, in place of a base that has the name.

        Raises:
            Invalid: code `base_invalid`, `root_file_system_invalid` or `base_unsupported`.
        """
        place = f"{_PREFIX}{checked_base_name(name)}"
        descriptor = import_root_file_system(source, self._layout, name=place)
        try:
            return self._describe(name, descriptor)
        except Invalid:
            self._layout.remove(descriptor.digest, name=place)
            raise

    def all(self) -> list[ImportedBase]:
        """All of them, by name."""
        return [self._describe(name, entry) for name, entry in sorted(self.descriptors().items())]

    def descriptors(self) -> Mapping[str, Descriptor]:
        """Their manifests, by name."""
        named = ((entry.annotations.get(REF_NAME, ""), entry) for entry in self._layout.index().manifests)
        return {name.removeprefix(_PREFIX): entry for name, entry in named if name.startswith(_PREFIX)}

    def _describe(self, name: str, descriptor: Descriptor) -> ImportedBase:
        base = open_base(self._layout, descriptor)
        return ImportedBase(
            name=name,
            digest=str(descriptor.digest),
            platform=str(base.config.platform),
            glibc=base.facts.glibc,
            pythons=sorted(base.facts.pythons, key=lambda text: int(text.partition(".")[2])),
            size=sum(blob.size for blob in base.manifest.blobs),
        )
