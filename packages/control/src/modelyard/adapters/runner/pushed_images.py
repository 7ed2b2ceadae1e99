"""Run images that were pushed to registries. Each is recorded before its push, and is deleted from its registry once
the layout of this machine does not have it any more and no run uses it.

A layout drops a run image that was unused for long, that was surplus (`modelyard images prune`), or that has the agent
of another release. The next run with its lock builds and pushes it again.
"""

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from modelyard.atomic_file import replace_text
from modelyard.errors import Conflict, ModelyardError
from modelyard.oci.content import Digest
from modelyard.oci.reference import Reference
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import delete_image

logger = structlog.get_logger()

_UNSUPPORTED = "registry_deletion_unsupported"


class PushedRunImages:
    """The record of one home, a file for each image, so that a changed `repository` leaves nothing in the old one.

    Args:
        folder: of the files.
        open_registry: the registry of a host, to be closed.
    """

    def __init__(self, folder: Path, open_registry: Callable[[str], Registry]) -> None:
        self._folder = folder
        self._open_registry = open_registry

    def note(self, reference: Reference) -> None:
        """Record an image, by its digest, that is about to be pushed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_text(self._file(reference), str(reference))

    def delete_unused(self, kept: Collection[Digest], *, used: Callable[[], Collection[str]]) -> None:
        """Delete the others from their registries. What fails is logged, and tried again with the next call; a registry
        that allows no deletion is not asked again.

        Args:
            kept: the digests that stay.
            used: asked for the references of what runs now, if there is anything to delete.
        """
        surplus = [one for one in self._recorded() if one.digest not in kept]
        in_use = used() if surplus else ()
        for reference in surplus:
            if str(reference) not in in_use:
                self._delete(reference)

    def _delete(self, reference: Reference) -> None:
        if reference.digest is None:
            raise AssertionError("run images are recorded by their digest")
        try:
            with self._open_registry(reference.repository.host) as registry:
                delete_image(registry, reference.repository, reference.digest)
        except ModelyardError as error:
            logger.warning("a run image is left in its registry", image=str(reference), reason=error.message)
            if not (isinstance(error, Conflict) and error.code == _UNSUPPORTED):
                return
        self._file(reference).unlink(missing_ok=True)

    def _recorded(self) -> list[Reference]:
        return [Reference.parse(file.read_text()) for file in sorted(self._folder.glob("*.txt"))]

    def _file(self, reference: Reference) -> Path:
        return self._folder / f"{hashlib.sha256(str(reference).encode()).hexdigest()}.txt"
