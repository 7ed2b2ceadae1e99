"""OCI images: what a deletion finds and removes of a version in the layout of this machine and in registries."""

from collections.abc import Sequence

from modelyard.deletion.images import Image
from modelyard.deployments.service import system_principal
from modelyard.images.domain import Image as OciImage
from modelyard.images.removal import ImageRemoval
from modelyard.images.service import ImageService
from modelyard.registry.domain import Version


class OciImages:
    """The port `Images` on images of versions."""

    def __init__(self, images: ImageService, removal: ImageRemoval) -> None:
        self._images = images
        self._removal = removal

    def built(self, version: Version) -> Sequence[Image]:
        """All of the version's."""
        return [_image(one) for one in self._images.of_version(version) if one.content is not None]

    def count(self, tenant_id: str, model_name: str) -> int:
        """How many images there are."""
        return self._images.count(tenant_id, model_name)

    def of_model(self, tenant_id: str, model_name: str, *, most: int) -> Sequence[tuple[int, Image]]:
        """The first images."""
        return [(one.version, _image(one)) for one in self._images.of_model(tenant_id, model_name, most)]

    def remove(self, version: Version, *, leaves_unreachable: bool) -> Sequence[str]:
        """Take them away, in their registries too where those allow it."""
        left = self._removal.remove_version(
            system_principal(version.tenant_id),
            version,
            reason="its version is deleted",
            leaves_unreachable=leaves_unreachable,
        )
        return [image.reference for image in left]


def _image(image: OciImage) -> Image:
    return Image(image.reference, 0 if image.content is None else image.content.size)
