"""Bundles as images: what a deletion finds and removes of a version on this machine."""

from collections.abc import Sequence

from modelyard.deletion.images import Image
from modelyard.packaging.domain import Bundle
from modelyard.packaging.service import PackagingService
from modelyard.registry.domain import Version


class Bundles:
    """The port `Images` on the bundles of this machine."""

    def __init__(self, packaging: PackagingService) -> None:
        self._packaging = packaging

    def built(self, version: Version) -> Sequence[Image]:
        """The version's bundle, if it was built."""
        bundle = self._packaging.built(version)
        return [] if bundle is None else [_image(bundle)]

    def count(self, tenant_id: str, model_name: str) -> int:
        """How many bundles there are."""
        return self._packaging.count(tenant_id, model_name)

    def of_model(self, tenant_id: str, model_name: str, *, most: int) -> Sequence[tuple[int, Image]]:
        """The first bundles."""
        return [(bundle.version, _image(bundle)) for bundle in self._packaging.of_model(tenant_id, model_name, most)]

    def remove(self, version: Version, *, leaves_unreachable: bool) -> Sequence[str]:  # noqa: ARG002  # Of the port.
        """Take it away; it is on this machine."""
        self._packaging.remove(version)
        return []


def _image(bundle: Bundle) -> Image:
    files = (path for path in bundle.path.rglob("*") if path.is_file() and not path.is_symlink())
    return Image(bundle.reference, sum(path.stat().st_size for path in files))
