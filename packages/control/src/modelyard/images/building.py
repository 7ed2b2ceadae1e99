"""Makes the image of a bundle in the layout, with its inventory and provenance, and takes it to a registry and away."""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from modelyard.errors import NotFound
from modelyard.images.bases import Bases
from modelyard.images.domain import Image, ImageContent, ImageLayer
from modelyard.images.registries import Registries
from modelyard.oci.base.bases import Base
from modelyard.oci.bundle_layers import BundleContent, Sink, read_bundle
from modelyard.oci.composition import BuiltImage
from modelyard.oci.content import REF_NAME, Descriptor, Digest
from modelyard.oci.export import archive_chunks
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Reference, Repository, is_reference
from modelyard.oci.registry.push import Pushed, blob_uploads, delete_image, push_image
from modelyard.oci.registry.streaming import streamed
from modelyard.oci.supply_chain import Origin, attach, inventory, provenance_statement, remove_orphans
from modelyard.oci.supply_chain.provenance import IN_TOTO
from modelyard.oci.supply_chain.sbom import CYCLONEDX
from modelyard.oci.wheels.environment import LockedWheel
from modelyard.oci.wheels.source import WheelSource
from modelyard.oci.wheels.target import WheelTarget
from modelyard.packaging.domain import Bundle
from modelyard.ports.environments import Lock

LogLine = Callable[[str], None]
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Of a lock from before locks named theirs."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an image says of its version besides what its bundle says."""

    origin: Origin
    metadata: ImageMetadata


class ImageBuilding:
    """The images of one layout. All of it may be repeated: what is there already is not made again.

    `require_space` raises DiskFull when there is no space for so many bytes.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        bases: Bases,
        wheels: WheelSource,
        registries: Registries,
        require_space: Callable[[int], None],
    ) -> None:
        self.layout = layout
        self.bases = bases
        self._wheels = wheels
        self._registries = registries
        self._builder = ImageBuilder(layout, require_space=require_space)

    def build(
        self,
        bundle: Bundle,
        lock_text: str,
        facts: Facts,
        *,
        name: str,
        stream_to: Repository | None = None,
        log: LogLine,
    ) -> ImageContent:
        """Build the image of a bundle, and name it in the layout.

        Args:
            bundle: of the version.
            lock_text: of its environment.
            facts: what is not in its bundle.
            name: of the image.
            stream_to: a repository that gets the large layers of the bundle while they are written. Those that could
                not be sent are left to `push`.
            log: takes one line for each part.

        Raises:
            Conflict: code `image_base_missing`, or `artifact_changed`.
            Invalid: code `wheel_missing`, `base_without_python`, and others of the builder.
            Unavailable: a registry or the package index does not answer.
        """
        base = self.bases.open(log=log)
        python = Lock(text=lock_text, digest=bundle.lock_digest).python or _PYTHON
        target = WheelTarget(base.config.platform, glibc=base.facts.glibc, python=".".join(python.split(".")[:2]))
        base.facts.interpreter(target.python)  # Refused before wheels for it are fetched.
        wheels = self._wheels.wheels(lock_text, target, log=log)
        content = read_bundle(bundle.path)
        with self._streaming(stream_to, log) as sink, self.layout.shared_lock():
            image = self._builder.build(
                name=name,
                base=base,
                python=target.python,
                wheels=wheels,
                bundle=content,
                metadata=facts.metadata,
                sink=sink,
                log=log,
            )
            self._attach(image, base, content, lock_text, wheels, facts.origin)
        for layer in image.layers:
            log(f"layer of {layer.descriptor.size} bytes: {layer.comment}")
        log(f"the image has {image.size} bytes in {len(image.manifest.layers)} layers")
        return _content(image, base, bundle)

    def has(self, name: str, digest: str) -> bool:
        """Whether the layout has an image by this name and digest, with all of its blobs."""
        found = self._find(name, digest)
        return found is not None and all(self.layout.blobs.has(blob) for blob in self.layout.manifest(found).blobs)

    def archive(self, image: Image) -> Iterator[bytes]:
        """The image as an archive, piece by piece. The layout is not swept until the caller has read it.

        Raises:
            NotFound: code `image_not_here`: it is in a registry, or was made on another machine.
        """
        digest = "" if image.content is None else image.content.digest
        if not digest or not self.has(image.name, digest):
            raise _not_here(image)
        return self._archive(image, digest)

    def _archive(self, image: Image, digest: str) -> Iterator[bytes]:
        with self.layout.shared_lock():
            descriptor = self._find(image.name, digest)
            if descriptor is None:  # It was deleted just now. What has no end is no archive to whoever reads it.
                raise _not_here(image)
            yield from archive_chunks(self.layout, descriptor, reference=image.name)

    def push(self, reference: Reference, *, log: LogLine) -> Pushed:
        """Push an image of the layout to its repository, the tag last.

        Args:
            reference: with its tag and its digest.
            log: takes one line for each blob that is sent.

        Raises:
            Unavailable: the registry does not answer; the same call resumes the push.
            Invalid, Conflict, NotFound: the registry refuses.
        """
        repository, base = reference.repository, self.bases.repository
        descriptor = self._find(_name(reference), str(reference.digest))
        if descriptor is None:
            raise AssertionError("what is not in the layout is not pushed")
        log(f"pushing {reference}")
        with self._registries.open(repository.host) as registry:
            pushed = push_image(
                self.layout,
                descriptor,
                reference,
                registry,
                mount_from=[base] if base is not None and base.host == repository.host and base != repository else [],
                log=log,
            )
        log(f"sent {pushed.sent} bytes; {pushed.mounted} were mounted, {pushed.present} were there already")
        return pushed

    def is_in_registry(self, reference: Reference) -> bool:
        """Whether the repository has the digest."""
        with self._registries.open(reference.repository.host) as registry:
            return registry.digest_of(Reference(reference.repository, digest=reference.digest)) is not None

    def delete_from_registry(self, reference: Reference) -> bool:
        """Delete an image at its registry with what refers to it; says whether it was there.

        Raises:
            Unavailable: the registry does not answer.
            Conflict: code `registry_deletion_unsupported`.
        """
        if reference.digest is None:
            raise AssertionError("images are deleted by digest")
        with self._registries.open(reference.repository.host) as registry:
            return delete_image(registry, reference.repository, reference.digest)

    def remove(self, name: str, digest: str) -> None:
        """Take an image out of the layout. Its bytes go with the next `collect`. None there: nothing to do."""
        self.layout.remove(Digest(digest), name=name)

    def keep_only(self, names: Callable[[], Collection[str]]) -> int:
        """Take all images of versions out of the layout but those of these names, and delete what nothing leads to.

        Images of versions are named by references; bases and whatever else is in the layout are not. An image is
        written down before it is in the layout, so the names are asked for after the layout was read.

        Returns:
            how many bytes were deleted.

        Raises:
            Conflict: code `layout_in_use`.
        """
        entries = self.layout.index().manifests
        kept = names()
        for entry in entries:
            name = entry.annotations.get(REF_NAME)
            if name is not None and name not in kept and is_reference(name):
                self.layout.remove(entry.digest, name=name)
        remove_orphans(self.layout)
        return self.layout.collect_garbage()

    @contextmanager
    def _streaming(self, repository: Repository | None, log: LogLine) -> Iterator[Sink]:
        if repository is None:
            yield nullcontext
            return
        with self._registries.open(repository.host) as registry:
            uploads = blob_uploads(self.layout, registry, repository)
            yield lambda writer: streamed(writer, uploads, log=log)

    def _find(self, name: str, digest: str) -> Descriptor | None:
        entries = (entry for entry in self.layout.index().manifests if str(entry.digest) == digest)
        return next((entry for entry in entries if entry.annotations.get(REF_NAME) == name), None)

    def _attach(
        self,
        image: BuiltImage,
        base: Base,
        bundle: BundleContent,
        lock_text: str,
        wheels: Sequence[LockedWheel],
        origin: Origin,
    ) -> None:
        """Put the inventory and the provenance beside the image."""
        packages = inventory(image.descriptor, base=base.descriptor, wheels=wheels, bundle=bundle)
        statement = provenance_statement(
            image.descriptor,
            name=bundle.model_name,
            base=base.descriptor,
            lock_text=lock_text,
            wheels=wheels,
            bundle=bundle,
            origin=origin,
        )
        for content, kind, title in (
            (packages, CYCLONEDX, "sbom.cdx.json"),
            (statement, IN_TOTO, "provenance.intoto.json"),
        ):
            attach(self.layout, image.descriptor, content, artifact_type=kind, title=title, created=bundle.created)


def _not_here(image: Image) -> NotFound:
    return NotFound(f"the image '{image.image_id}' is not on this machine: it is {image.state}", code="image_not_here")


def _name(reference: Reference) -> str:
    return f"{reference.repository}:{reference.tag}"


def _content(image: BuiltImage, base: Base, bundle: Bundle) -> ImageContent:
    layers = [ImageLayer(str(one.digest), one.size, "base") for one in base.manifest.layers]
    layers += [ImageLayer(str(one.descriptor.digest), one.descriptor.size, one.comment) for one in image.layers]
    return ImageContent(
        digest=str(image.descriptor.digest),
        config_digest=str(image.manifest.config.digest),
        size=image.size,
        layers=layers,
        platform=str(base.config.platform),
        base_digest=str(base.descriptor.digest),
        bundle_digest=bundle.manifest_digest,
        lock_digest=bundle.lock_digest,
    )
