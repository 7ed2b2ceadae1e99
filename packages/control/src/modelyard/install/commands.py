"""The command `modelyard platform-image`: the image of Modelyard itself, for `deploy/compose` and `deploy/helm`."""

from pathlib import Path
from typing import Annotated

import typer

from modelyard.local.commands import printed_errors, stack_of
from modelyard_client.cli.errors import CommandError, ExitCode
from modelyard_client.cli.options import HomeOption
from modelyard_client.cli.terminal import print_facts, say

RepositoryArgument = Annotated[
    str, typer.Argument(help="Where it belongs, like registry.example.com/modelyard.", metavar="REPOSITORY")
]
PushOption = Annotated[bool, typer.Option("--push", help="Push it there.")]
ArchiveOption = Annotated[
    Path | None, typer.Option("--archive", help="Write it for `docker load` and `podman load`.", metavar="FILE")
]


def platform_image(
    repository: RepositoryArgument, *, push: PushOption = False, archive: ArchiveOption = None, home: HomeOption = None
) -> None:
    """Make the image of this release of Modelyard, without Docker and without root.

    It is built as images of models are, on the base of MODELYARD_IMAGE_BASE or the imported one, whose Python must be
    the one that runs this command. Its tag is the release.

    \b
    Examples:
      modelyard platform-image registry.example.com/modelyard --push
      modelyard platform-image localhost/modelyard --archive modelyard.tar
    """
    import importlib.metadata

    from modelyard.main.platform_image import PlatformImages
    from modelyard.oci.export import export_archive
    from modelyard.oci.reference import Repository
    from modelyard.settings import Settings
    from modelyard.storage import StorageSettings

    if not push and archive is None:
        raise CommandError("expected --push, --archive FILE, or both", exit_code=ExitCode.USAGE)
    with printed_errors():
        version = importlib.metadata.version("modelyard")
        reference = Repository.parse(repository).tagged(version)
        images = PlatformImages(Settings(storage=StorageSettings(home=stack_of(home).home.root)))
        try:
            image = images.build(str(reference), version=version, log=say)
            if archive is not None:
                export_archive(images.layout, image.descriptor, archive.absolute(), reference=str(reference))
            if push:
                images.push(image, reference, log=say)
        finally:
            images.close()
    print_facts({"image": f"{reference}@{image.descriptor.digest}", "bytes": image.size})
