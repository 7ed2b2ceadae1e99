"""Files that are applied, and what they change, on the wire."""

from pydantic import BaseModel, Field

from modelyard.gateway_code.domain import Change, Outcome, Problem
from modelyard.gateway_code.reading import SourceFile
from modelyard.http.bodies import RequestBody

_MOST_FILES = 200
_LONGEST_NAME, _LONGEST_FILE = 300, 500_000


class FileBody(RequestBody):
    """A file of YAML or JSON."""

    name: str = Field(min_length=1, max_length=_LONGEST_NAME, description="as messages name it")
    content: str = Field(max_length=_LONGEST_FILE)


class ApplyRequest(RequestBody):
    """Files that say what the gateway shall have."""

    files: list[FileBody] = Field(min_length=1, max_length=_MOST_FILES)
    prune: bool = Field(default=False, description="delete what the files do not name, of those kinds that they list")
    dry_run: bool = Field(default=False, description="find out what would change, and change nothing")

    def sources(self) -> list[SourceFile]:
        """The files as the service takes them."""
        return [SourceFile(each.name, each.content) for each in self.files]


class ChangedField(BaseModel):
    """A field that changes."""

    field: str
    before: str
    after: str


class ChangeAnswer(BaseModel):
    """What applying does about an object."""

    action: str = Field(description="create, update, unchanged or delete")
    kind: str
    key: str
    differences: list[ChangedField]

    @classmethod
    def of(cls, change: Change) -> "ChangeAnswer":
        """A change on the wire."""
        return cls(
            action=change.action,
            kind=change.kind,
            key=change.key,
            differences=[
                ChangedField(field=each.field, before=each.before, after=each.after) for each in change.differences
            ],
        )


class ProblemAnswer(BaseModel):
    """What is wrong in a file."""

    file: str
    line: int
    field: str
    message: str

    @classmethod
    def of(cls, problem: Problem) -> "ProblemAnswer":
        """A problem on the wire."""
        return cls(file=problem.place.file, line=problem.place.line, field=problem.field, message=problem.message)


class ApplyAnswer(BaseModel):
    """What files changed, or would change; problems only of a dry run."""

    is_applied: bool
    changes: list[ChangeAnswer]
    problems: list[ProblemAnswer]

    @classmethod
    def of(cls, outcome: Outcome) -> "ApplyAnswer":
        """An outcome on the wire."""
        return cls(
            is_applied=outcome.is_applied,
            changes=[ChangeAnswer.of(each) for each in outcome.changes],
            problems=[ProblemAnswer.of(each) for each in outcome.problems],
        )


class ExportAnswer(BaseModel):
    """The gateway's objects in another form."""

    format: str
    file_name: str = Field(description="as such a file is usually called")
    content: str
