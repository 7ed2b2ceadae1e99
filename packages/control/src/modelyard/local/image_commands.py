"""The commands `modelyard images base import | list` and `modelyard images prune`. They work on the home of this
machine, not over HTTP."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard.local.commands import printed_errors, stack_of
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, Output, OutputOption
from modelyard_client.cli.terminal import print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard.images.imported_bases import ImportedBase

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    add_completion=False,
    help="What images are built on, on this machine: list, import.",
)
SourceArgument = Annotated[
    Path, typer.Argument(help="A root file system with Python: a folder, or a tar archive.", metavar="FOLDER|TAR")
]
NameOption = Annotated[
    str, typer.Option("--name", help="What it is called; one of that name is replaced.", metavar="NAME")
]


@app.command("import")
def import_base(
    source: SourceArgument,
    *,
    name: NameOption = "default",
    output: OutputOption = Output.TABLE,
    home: HomeOption = None,
) -> None:
    """Import a root file system as the base of images.

    Debian's `debootstrap --variant=minbase --include=python3,ca-certificates bookworm FOLDER` makes one, and so does
    `docker export`. With several bases, MODELYARD_IMAGE_BASE names the one that images are built on. The control plane
    may run meanwhile.

    \b
    Examples:
      modelyard images base import ./rootfs
      modelyard images base import rootfs.tar.xz --name debian-12
    """
    from modelyard.images.imported_bases import ImportedBases
    from modelyard.oci.layout import Layout

    with printed_errors(), closing(Layout(stack_of(home).home.images)) as layout:
        say(f"Importing {source} …")
        made = ImportedBases(layout).add(source.absolute(), name=name)
    if output is Output.JSON:
        print_json(made)
    else:
        print_facts(_facts(made))


@app.command("list")
def list_bases(*, output: OutputOption = Output.TABLE, home: HomeOption = None) -> None:
    """List the bases that were imported on this machine.

    \b
    Examples:
      modelyard images base list
    """
    from modelyard.images.imported_bases import ImportedBases
    from modelyard.oci.layout import Layout

    with printed_errors(), closing(Layout(stack_of(home).home.images)) as layout:
        found = ImportedBases(layout).all()
    if output is Output.JSON:
        print_json({"bases": found})
        return
    facts = [_facts(one) for one in found]
    print_table(("base", "platform", "python", "glibc", "bytes", "digest"), (tuple(one.values()) for one in facts))


def prune(
    *,
    megabytes: Annotated[
        int | None, typer.Option("--mb", min=0, help="Keep at most so much.", metavar="NUMBER", show_default=False)
    ] = None,
    days: Annotated[
        float | None,
        typer.Option("--days", min=0, help="Keep what was used in so many days.", metavar="NUMBER", show_default=False),
    ] = None,
    output: OutputOption = Output.TABLE,
    home: HomeOption = None,
) -> None:
    """Delete wheels, fetched bases and images of runs that were used longest ago.

    They are fetched or made again when they are needed. The control plane does it by itself, within the bounds of
    MODELYARD_IMAGE_CACHE_MB and MODELYARD_IMAGE_CACHE_DAYS, which hold here too. What was used in the last hour stays.

    \b
    Examples:
      modelyard images prune
      modelyard images prune --mb 2000
      modelyard images prune --mb 0
    """
    from datetime import timedelta

    from modelyard.adapters.clock.system import SystemClock
    from modelyard.images.cache import ImageCache
    from modelyard.images.cache_bounds import CacheBounds
    from modelyard.images.settings import ImageSettings
    from modelyard.oci.layout import Layout

    place = stack_of(home).home
    with printed_errors(), closing(Layout(place.images)) as layout:
        settings = ImageSettings()
        bounds = CacheBounds(
            max_bytes=(settings.cache_mb if megabytes is None else megabytes) * 1024 * 1024,
            max_age=timedelta(days=settings.cache_days if days is None else days),
        )
        freed = ImageCache(layout, wheelhouse=place.wheelhouse, bounds=bounds, clock=SystemClock()).prune()
    if output is Output.JSON:
        print_json({"freed_bytes": freed})
    else:
        say(f"Deleted {freed} bytes.")


def _facts(base: "ImportedBase") -> dict[str, object]:
    return {
        "base": base.name,
        "platform": base.platform,
        "python": ", ".join(base.pythons),
        "glibc": base.glibc,
        "bytes": base.size,
        "digest": base.digest,
    }
