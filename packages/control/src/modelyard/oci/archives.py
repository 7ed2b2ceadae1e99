"""Images of a layout as archives, for targets that load images instead of pulling them."""

from collections.abc import Iterator
from contextlib import contextmanager

from modelyard.oci.content import Descriptor
from modelyard.oci.export import archive_chunks
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Reference
from modelyard.ports.target import ArtifactAbsent, ImageArtifact


class LayoutArchives:
    """The port `ImageArchives` over the layout that images are built into."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @contextmanager
    def chunks(self, artifact: ImageArtifact) -> Iterator[Iterator[bytes]]:
        """The image of the reference's digest; the engine that loads it calls it by the artifact's name."""
        with self._layout.shared_lock():
            yield archive_chunks(self._layout, self._image(artifact), reference=artifact.name)

    def _image(self, artifact: ImageArtifact) -> Descriptor:
        digest = Reference.parse(artifact.reference).digest
        found = next((each for each in self._layout.index().manifests if each.digest == digest), None)
        if found is None:
            raise ArtifactAbsent(f"image '{artifact.name}' is not on this machine")
        return found
