"""`modelyard images`: list, build, push, show, delete, export."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError
from modelyard_client.cli.groups import ImagesGroup
from modelyard_client.cli.job_end import require_success, tell_accepted
from modelyard_client.cli.options import (
    FollowOption,
    HomeOption,
    KeyOption,
    LimitOption,
    Output,
    OutputOption,
    UrlOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)
from modelyard_client.cli.progress import wait_for_job
from modelyard_client.cli.terminal import print_facts, print_json, print_table, say
from modelyard_client.cli.transfer import transfer_bar
from modelyard_client.cli.version_reference import VersionArgument, name_and_version

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.images import Image
    from modelyard_client.jobs import Submission

app = typer.Typer(
    cls=ImagesGroup,
    rich_markup_mode=None,
    help="Images of versions: list, build, push, show, delete, export; and what they are built on (base).",
)
TargetOption = Annotated[
    str | None,
    typer.Option("--target", "-t", help="Whose repository is meant, where they differ.", metavar="NAME"),
]
ImageArgument = Annotated[
    str,
    typer.Argument(help="A version, like churn/3, or the id or the digest of an image.", metavar="MODEL/VERSION|IMAGE"),
]


class Format(StrEnum):
    """How an image is written."""

    ARCHIVE = "archive"
    LAYOUT = "layout"


@app.command("list")
def list_images(
    model: Annotated[
        str | None, typer.Argument(help="Of this model, or of this version: churn, churn/3.", metavar="MODEL[/VERSION]")
    ] = None,
    *,
    state: Annotated[
        str | None,
        typer.Option("--state", help="pending, building, built, pushed or failed.", metavar="STATE"),
    ] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List images, the newest first.

    \b
    Examples:
      modelyard images
      modelyard images list churn/3 --output json
    """
    name, number = (model, None) if model is None or "/" not in model else name_and_version(model)
    with connect(url, home) as client:
        found = list(client.images.list(name, number, state=state, limit=limit))
    if output is Output.JSON:
        print_json({"images": found})
        return
    rows = ((one.image_name, one.state, one.size, len(one.layers), one.digest, one.reason) for one in found)
    print_table(("image", "state", "bytes", "layers", "digest", "reason"), rows)


@app.command()
def build(
    version: Annotated[
        str, typer.Argument(help="A version, like churn/3; with --artifact the model.", metavar="MODEL/VERSION")
    ],
    *,
    artifact: Annotated[
        str | None,
        typer.Option(
            "--artifact", help="A run, a logged model, an upload or a job that becomes a version.", metavar="ID"
        ),
    ] = None,
    target: TargetOption = None,
    push: Annotated[
        bool | None,
        typer.Option(
            "--push/--no-push", help="Push it; if its repository has a registry, when not given.", show_default=False
        ),
    ] = None,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    follow: FollowOption = False,
    idempotency_key: KeyOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Build the image of a version, and push it if its repository has a registry. A job does it, and is waited for.

    \b
    Examples:
      modelyard images build churn/3
      modelyard images build churn/3 --no-push --follow
      modelyard images build churn --artifact 8f14e45fceea167a5a36dedd4bea2543
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    with connect(url, home) as client:
        if artifact is None:
            name, number = name_and_version(version)
            submission = client.images.build(name, number, target=target, push=push, idempotency_key=idempotency_key)
        else:
            submission = client.images.build_artifact(
                version, artifact, target=target, push=push, idempotency_key=idempotency_key
            )
        if not is_waited_for:
            tell_accepted(submission, output)
            return
        _tell_end(client, submission, output=output, follows=follow, seconds=wait_seconds)


@app.command()
def push(
    version: VersionArgument,
    *,
    target: TargetOption = None,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    follow: FollowOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Push the image of a version to the registry of its repository; it is built first where it is not here.

    \b
    Examples:
      modelyard images push churn/3
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    name, number = name_and_version(version)
    with connect(url, home) as client:
        submission = client.images.build(name, number, target=target, push=True)
        if not is_waited_for:
            tell_accepted(submission, output)
            return
        _tell_end(client, submission, output=output, follows=follow, seconds=wait_seconds)


@app.command()
def show(
    image: ImageArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show an image with its layers; of a version the newest that was built.

    \b
    Examples:
      modelyard images show churn/3
      modelyard images show sha256:9f86d0…
    """
    with connect(url, home) as client:
        found = _named(client, image)
    if output is Output.JSON:
        print_json(found)
        return
    print_facts(_facts(found))
    print_table(("layer", "bytes", "what is in it"), ((one.digest, one.size, one.comment) for one in found.layers))


@app.command()
def delete(
    image: ImageArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit log.", metavar="TEXT")] = "",
    leave_unreachable: Annotated[
        bool,
        typer.Option("--leave-unreachable", help="Also if its registry does not answer; it keeps what it has."),
    ] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Delete an image by its digest, in its registry too where that allows it. One that is deployed is refused.

    \b
    Examples:
      modelyard images delete sha256:9f86d0… --reason "built on an old base"
      modelyard images delete churn/3
    """
    with connect(url, home) as client:
        digest = image if image.startswith("sha256:") else _digest(_named(client, image))
        deleted = client.images.delete(digest, reason=reason, leave_unreachable=leave_unreachable)
    if output is Output.JSON:
        print_json({"deleted": deleted})
        return
    for one in deleted:
        left = ", but its registry may keep it: it allows no deletion, or did not answer"
        say(f"Deleted {one.reference}{left if one.is_left_in_registry else ''}.")


@app.command()
def export(
    image: ImageArgument,
    destination: Annotated[Path, typer.Argument(help="A file, or for a layout a new folder.", metavar="PATH")],
    *,
    form: Annotated[
        Format,
        typer.Option("--format", help="A tar archive for `docker load`, or an OCI layout in a folder."),
    ] = Format.ARCHIVE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Write an image to a file that every engine loads, or to a folder as an OCI layout.

    \b
    Examples:
      modelyard images export churn/3 churn-3.tar
      modelyard images export churn/3 ./churn-3 --format layout
    """
    with connect(url, home) as client:
        found = _named(client, image)
        with transfer_bar(f"exporting {found.image_name}") as update:
            arrived = 0

            def count(size: int) -> None:
                nonlocal arrived
                arrived += size
                update(arrived, found.size or arrived)

            if form is Format.LAYOUT:
                client.images.export_layout(found.image_id, destination, arrived=count)
            else:
                client.images.export_archive(found.image_id, destination, arrived=count)
    say(f"Wrote {found.image_name} to {destination}.")


def _tell_end(
    client: "Client", submission: "Submission", *, output: Output, follows: bool, seconds: float | None
) -> None:
    """Wait for the job, and print its image."""
    job = wait_for_job(client, submission.job_id, shows_log=follows, seconds=seconds)
    require_success(job)
    assert job.model_name is not None  # noqa: S101  # A job of an image has a model and a version.
    images = list(client.images.list(job.model_name, job.model_version, limit=20))
    made = next((one for one in images if one.job_id == job.job_id), images[0])
    if output is Output.JSON:
        print_json(made)
    else:
        print_facts(_facts(made))


def _named(client: "Client", image: str) -> "Image":
    """The image that is meant.

    Raises:
        NotFound: there is none.
        CommandError: the version has none.
    """
    if image.startswith(("img-", "sha256:")):
        return client.images.get(image)
    name, number = name_and_version(image)
    found = client.images.newest(name, number)
    if found is None:
        raise CommandError(f"version {number} of '{name}' has no image: `modelyard images build {image}` makes one")
    return found


def _digest(image: "Image") -> str:
    if image.digest is None:
        raise CommandError(f"image '{image.image_id}' was not built: it is {image.state}")
    return image.digest


def _facts(image: "Image") -> dict[str, object]:
    return {
        "image": image.image_name,
        "id": image.image_id,
        "model": f"{image.model_name}/{image.model_version}",
        "state": image.state,
        "reason": image.reason,
        "digest": image.digest,
        "bytes": image.size,
        "platform": image.platform,
        "base": image.base_digest,
        "job": image.job_id,
        "created": image.created_at,
    }
