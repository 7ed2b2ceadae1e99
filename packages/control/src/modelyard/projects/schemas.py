"""Projects on the wire."""

from pydantic import Field

from modelyard.http.bodies import RequestBody
from modelyard.registry.schemas import Answer


class ProjectBody(RequestBody):
    """A project that somebody is about to send."""

    sha256: str = Field(description="of the archive, in hex")
    size_bytes: int = Field(ge=0)


class AnnouncedAnswer(Answer):
    """Whether the project must be sent."""

    project: str
    is_stored: bool = Field(description="true when it is here already: it need not be sent")


class ProjectAnswer(Answer):
    """A project that is here. `project` is what a training request names."""

    project: str
    files: int
