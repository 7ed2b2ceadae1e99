"""The base of images: found by the operator's setting, and brought into the layout before the first build."""

from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path

from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.images.base_source import BaseSource
from modelyard.images.imported_bases import ImportedBases
from modelyard.images.registries import Registries
from modelyard.oci.base.bases import Base, copy_image, open_base
from modelyard.oci.content import INDEXES, Descriptor, Digest, Platform
from modelyard.oci.layout import Layout
from modelyard.oci.layout_names import COPIED_BASES
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.registry.pull import pull_image

_WHAT_TO_DO = (
    "run `modelyard images base import FOLDER` on this machine with a root file system that has Python, or set "
    "MODELYARD_IMAGE_BASE to an image by its digest (registry.example.com/python@sha256:…) or to an OCI layout "
    "(oci:/srv/bases:python)"
)


class Bases:
    """The bases of one layout.

    Args:
        source: as the operator has configured it; None for the only one that was imported.
        require_space: raises DiskFull when there is no space for so many bytes.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        source: BaseSource | None,
        platform: Platform,
        registries: Registries,
        require_space: Callable[[int], None],
    ) -> None:
        self._layout = layout
        self._imported_bases = ImportedBases(layout)
        self._source = source
        self._platform = platform
        self._registries = registries
        self._require_space = require_space

    @property
    def repository(self) -> Repository | None:
        """Where a registry has the base, and so perhaps its blobs for a push."""
        reference = None if self._source is None else self._source.reference
        return None if reference is None else reference.repository

    def pinned(self) -> Collection[str]:
        """The names in the layout of what a cache does not give up: the base that is configured."""
        reference = None if self._source is None else self._source.reference
        return () if reference is None else (self._name(reference.digest),)

    def refuse_missing(self) -> None:
        """Say at once that there is no base, without fetching one.

        Raises:
            Conflict: code `image_base_missing`; the sentence says what to do.
        """
        if self._source is None or self._source.name is not None:
            self._imported()

    def open(self, *, log: Callable[[str], None]) -> Base:
        """The base that is configured; it is fetched if it is not here.

        Raises:
            Conflict: code `image_base_missing`.
            Invalid: it is for another platform, or nothing that images can be built on.
            Unavailable: its registry does not answer.
        """
        descriptor = self._descriptor(log)
        self._layout.note_used(descriptor)
        base = open_base(self._layout, descriptor)
        offered = base.config.platform
        if (offered.os, offered.architecture) != (self._platform.os, self._platform.architecture):
            raise Invalid(
                f"base: expected one for {self._platform} (MODELYARD_IMAGE_PLATFORM), got one for {offered}",
                code="platform_unsupported",
                field="base",
            )
        return base

    def _descriptor(self, log: Callable[[str], None]) -> Descriptor:
        if self._source is not None and self._source.reference is not None:
            return self._pulled(self._source.reference, log)
        if self._source is not None and self._source.layout is not None:
            return self._copied(Path(self._source.layout[0]), self._source.layout[1], log)
        return self._imported()

    def _imported(self) -> Descriptor:
        entries = self._imported_bases.descriptors()
        name = None if self._source is None else self._source.name
        if name is not None and name in entries:
            return entries[name]
        if name is None and len(entries) == 1:
            return next(iter(entries.values()))
        known = ", ".join(sorted(entries))
        if name is not None:
            what = f"MODELYARD_IMAGE_BASE names '{name}', and imported on this machine are: {known or 'none'}"
        elif entries:
            what = f"there are several ({known}): set MODELYARD_IMAGE_BASE to one of them"
        else:
            what = f"none is configured and none was imported: {_WHAT_TO_DO}"
        raise Conflict(f"images need a base: {what}", code="image_base_missing")

    def _pulled(self, reference: Reference, log: Callable[[str], None]) -> Descriptor:
        name = self._name(reference.digest)
        if (known := self._find(name)) is not None:
            return known
        log(f"fetching the base {reference}")
        try:
            with self._registries.open(reference.repository.host) as registry:
                return pull_image(
                    reference,
                    registry,
                    self._layout,
                    platform=self._platform,
                    name=name,
                    require_space=self._require_space,
                    log=log,
                )
        except NotFound as exc:
            raise NotFound(f"the base {reference} (MODELYARD_IMAGE_BASE): {exc.message}", code=exc.code) from exc

    def _copied(self, folder: Path, image: str, log: Callable[[str], None]) -> Descriptor:
        with closing(Layout.open_read_only(folder)) as other:
            found = other.find(image)
            name = self._name(found.digest)
            if (known := self._find(name)) is not None:
                return known
            log(f"copying the base {found.digest}")
            if found.media_type not in INDEXES:
                self._require_space(sum(blob.size for blob in other.manifest(found).blobs))
            return copy_image(other, self._layout, found, platform=self._platform, name=name)

    def _name(self, digest: Digest | None) -> str:
        """Of a base that came by digest; the same digest may be an image for several platforms."""
        return f"{COPIED_BASES}{'' if digest is None else digest.hex}-{self._platform.architecture}"

    def _find(self, name: str) -> Descriptor | None:
        try:
            return self._layout.find(name)
        except NotFound:
            return None
