"""A process that makes the image of a version in a new home: `python imaging_process.py FOLDER` prints its digest."""

import sys
from pathlib import Path

from deletion_world import ALICE, World
from oci_parts import make_root

from modelyard.images.imported_bases import ImportedBases


def main(folder: Path) -> None:
    """Register a version, and make its image."""
    world = World(folder / "home")
    world.control.database.migrate()
    parts = world.control.deployment_parts.images
    ImportedBases(parts.building.layout).add(make_root(folder / "root"), name="small")
    version = world.register()
    repository = parts.images.repositories.of("default")
    image = parts.making.restore(ALICE, version, repository, log=lambda _: None)
    assert image.content is not None
    sys.stdout.write(image.content.digest)
    world.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
