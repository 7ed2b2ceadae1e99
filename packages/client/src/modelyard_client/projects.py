"""Sending a project's archive, once: one that the platform has already is not sent again."""

from collections.abc import Callable

from modelyard_client.archive import Archive
from modelyard_client.errors import TooLarge
from modelyard_client.transport import Stream, Transport, path
from modelyard_client.wire import Fields

Progress = Callable[[int, int], None]
"""Hears how many bytes were sent, and of how many."""
_LISTED = 3


def quiet(_: int, __: int) -> None:
    """No listener."""


def send_project(transport: Transport, archive: Archive, *, progress: Progress = quiet) -> None:
    """Send an archive, unless it is there.

    Raises:
        TooLarge: it is larger than the platform takes; the message names its largest files.
    """
    try:
        announced = {"sha256": archive.sha256, "size_bytes": archive.size}
        answer = transport.post("/mlops/projects", announced, is_repeatable=True)
    except TooLarge as refused:
        largest = ", ".join(f"{name} ({size} bytes)" for name, size in archive.largest(_LISTED))
        raise TooLarge(
            f"{refused.message}; its largest files are {largest}: .gitignore keeps files out",
            code=refused.code,
            field=refused.field,
            request_id=refused.request_id,
            status=refused.status,
        ) from refused
    if Fields(answer, noun="project").value("is_stored") is True:
        return
    where = path("mlops", "projects", archive.sha256)
    headers = {"Content-Type": "application/x-tar"}
    transport.send("PUT", where, body=Stream(archive.content, archive.size, progress), headers=headers)
