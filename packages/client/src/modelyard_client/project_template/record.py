"""`.modelyard-template.json`: the answers that a project was made with, and the digest of each file as it was made."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from modelyard_client.errors import Invalid, NotFound
from modelyard_client.project_template.answers import Answers
from modelyard_client.release import __version__

RECORD = ".modelyard-template.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What made a project."""

    template: str
    """The release of Modelyard whose template it was."""
    answers: Answers
    digests: Mapping[PurePosixPath, str]
    """SHA-256 of each file as it was rendered, in hex."""

    @classmethod
    def of(cls, answers: Answers, files: Mapping[PurePosixPath, str]) -> Self:
        """The record of files that were rendered now."""
        return cls(
            template=__version__,
            answers=answers,
            digests={path: digest(text) for path, text in sorted(files.items())},
        )

    def to_text(self) -> str:
        """As the file has it."""
        content = {
            "template": self.template,
            "answers": self.answers.to_json(),
            "files": {path.as_posix(): each for path, each in self.digests.items()},
        }
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The record of a project.

        Raises:
            NotFound: the folder has none.
            Invalid: it cannot be read.
        """
        file = folder / RECORD
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            template, answers, files = content["template"], content["answers"], content["files"]
            digests = {PurePosixPath(path): str(each) for path, each in files.items()}
        except FileNotFoundError as error:
            raise NotFound(
                f"{folder} has no {RECORD}: it was not made by `modelyard new`", code="template_record_not_found"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Invalid(
                f"{file}: expected the JSON that `modelyard new` wrote", code="template_record_invalid", field="folder"
            ) from error
        return cls(template=str(template), answers=Answers.from_json(answers), digests=digests)


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
