"""Makes the image of a version, and pushes it: one process at a time, and again from where a killed one was."""

from collections.abc import Callable

from modelyard.errors import Conflict, ModelyardError
from modelyard.images.building import Facts, ImageBuilding
from modelyard.images.domain import Image, has_registry
from modelyard.images.service import ImageService
from modelyard.images.states import ImageState
from modelyard.leases.service import Leases
from modelyard.oci.content import Digest
from modelyard.oci.images import ImageMetadata
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.supply_chain import Origin
from modelyard.packaging.service import PackagingService
from modelyard.principals import Principal
from modelyard.registry.domain import Version, refuse_deleting
from modelyard.registry.service import RegistryService

LogLine = Callable[[str], None]


class ImageMaking:
    """Both steps may be repeated after they were cut off anywhere: the end is the same, and nothing else is left."""

    def __init__(
        self,
        *,
        images: ImageService,
        building: ImageBuilding,
        packaging: PackagingService,
        registry: RegistryService,
        leases: Leases,
    ) -> None:
        self.images = images
        self.building = building
        self._packaging = packaging
        self._registry = registry
        self._leases = leases

    def build(self, principal: Principal, image: Image, *, log: LogLine) -> Image:
        """Build an attempt that was written down; its bundle too, where there is none.

        Raises:
            Conflict: code `image_base_missing`, `version_deleting`, `image_gone`, or as the bundle.
            Invalid: as `ImageBuilding.build`.
            Unavailable: what it needs does not answer.
        """
        with self._leases.exclusively(lease_name(image)):
            return self._build(principal, image, log)

    def push(self, principal: Principal, image: Image, *, log: LogLine) -> Image:
        """Push an image that was built. One that is not on this machine any more is built again.

        Raises:
            Conflict, Invalid, NotFound: the registry refuses, or as `build`.
            Unavailable: the registry does not answer.
        """
        with self._leases.exclusively(lease_name(image)):
            known = self.images.find(image.image_id)
            return self._successor(image) if known is None else self._push(principal, known, log)

    def restore(self, principal: Principal, version: Version, repository: Repository, *, log: LogLine) -> Image:
        """Have the image of a version where engines take it from, whatever happened to it there.

        Raises:
            As `build` and `push`.
        """
        new = self.images.new(principal, version, repository=repository, job_id=None)
        with self._leases.exclusively(lease_name(new)):
            image = self.images.add(principal, new)
            try:
                built = self._build(principal, image, log)
                return self._push(principal, built, log) if has_registry(repository) else built
            except ModelyardError as error:
                self.images.note_failed(principal, image, error.message)
                raise

    def _build(self, principal: Principal, image: Image, log: LogLine) -> Image:
        version = self._registry.version(principal, image.model_name, image.version)
        refuse_deleting(version)
        begun = self.images.begin(principal, image)
        bundle = self._packaging.build(version, log=log)
        lock_text = self._packaging.lock_text(bundle.lock_digest)
        repository = Repository.parse(begun.repository)
        content = self.building.build(
            bundle,
            lock_text,
            _facts(version),
            name=begun.name,
            stream_to=repository if has_registry(repository) and begun.content is None else None,
            log=log,
        )
        return self.images.note_built(principal, begun, content)

    def _push(self, principal: Principal, image: Image, log: LogLine) -> Image:
        if image.state is ImageState.PUSHED:
            return image
        if image.content is None or not self.building.has(image.name, image.content.digest):
            image = self._build(principal, image, log)
        self.images.note_push_begun(image)
        self.building.push(reference_of(image), log=log)
        return self.images.note_pushed(principal, image)

    def _successor(self, image: Image) -> Image:
        """The image that another job made of the same version meanwhile."""
        found = self.images.usable(
            image.tenant_id,
            image.model_name,
            image.version,
            repository=Repository.parse(image.repository),
            must_be_pushed=True,
        )
        if found is None:
            raise Conflict(
                f"the image of version {image.version} of '{image.model_name}' was deleted while its job ran",
                code="image_gone",
            )
        return found


def lease_name(image: Image) -> str:
    """Of the images of a version: they are built, pushed and removed by one process at a time."""
    return f"image/{image.tenant_id}/{image.subject}"


def reference_of(image: Image) -> Reference:
    """An image that was built, by its tag and its digest."""
    if image.content is None:
        raise AssertionError("only an image that was built has a digest")
    return Reference(Repository.parse(image.repository), image.tag, Digest(image.content.digest))


def _facts(version: Version) -> Facts:
    """Nothing of it ever changes, so that the image does not either."""
    provenance = version.provenance
    return Facts(
        origin=Origin(
            job_id=version.job_id or provenance.job_id,
            script_sha256=provenance.script_sha256,
            run_id=version.run_id,
            version_manifest_sha256=version.manifest_digest,
        ),
        metadata=ImageMetadata(revision=provenance.git_commit),
    )
