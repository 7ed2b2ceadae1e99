"""Training scripts and notebooks, as files on this machine."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from modelyard_client.errors import Invalid

_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Script:
    """A training script or a notebook: its file's name and its text."""

    name: str
    content: str

    @classmethod
    def read(cls, file: Path) -> "Script":
        """The script in a file.

        Raises:
            Invalid: the file cannot be read or is not UTF-8 text.
        """
        return cls(name=file.name, content=_read(file, field="script"))


def default_model_name(script_name: str) -> str:
    """The default name of a model, as the platform derives it: `breast_cancer.py` → `breast-cancer`."""
    spelled = script_name.removesuffix(".py").removesuffix(".ipynb").replace("_", "-").lower()
    # What no name of a model holds.
    name = "".join("-" if each in "/:" or unicodedata.category(each) in {"Cc", "Cs"} else each for each in spelled)
    name = name.lstrip(".") if name == "." or name.startswith("..") else name
    return name[:_MAX_NAME] if name.strip() else "model"


def _read(file: Path, *, field: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text", code="file_unreadable", field=field) from error
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}", code="file_unreadable", field=field) from error
