"""The fields of a wheel's METADATA that an inventory needs. Read as text."""

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from modelyard.errors import Invalid

_MAX = 4 * 1024 * 1024
_MAX_LICENSE = 200
_CLASSIFIER = "License :: "


@dataclass(frozen=True, slots=True)
class WheelMetadata:
    """Of one distribution."""

    name: str
    version: str
    summary: str | None
    license_expression: str | None
    """An SPDX expression, of newer wheels."""
    license_names: tuple[str, ...]
    """What older ones say in its place: classifiers, or a short text."""


def read_metadata(path: Path) -> WheelMetadata:
    """The metadata of a wheel.

    Raises:
        Invalid: code `wheel_invalid`.
    """
    try:
        with ZipFile(path) as archive:
            names = [
                name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
            ]
            if len(names) != 1 or archive.getinfo(names[0]).file_size > _MAX:
                raise _invalid_wheel(path)
            text = archive.read(names[0]).decode(errors="replace")
    except (BadZipFile, OSError, ValueError) as error:
        raise _invalid_wheel(path) from error
    fields = HeaderParser().parsestr(text)
    name, version = fields.get("Name"), fields.get("Version")
    if not name or not version:
        raise _invalid_wheel(path)
    return WheelMetadata(
        name=str(name),
        version=str(version),
        summary=_line(fields, "Summary"),
        license_expression=_line(fields, "License-Expression"),
        license_names=_license_names(fields),
    )


def _license_names(fields: Message) -> tuple[str, ...]:
    classifiers = [str(each).strip() for each in fields.get_all("Classifier", [])]
    names = {each.rpartition(" :: ")[2] for each in classifiers if each.startswith(_CLASSIFIER)} - {"OSI Approved"}
    if not names and (text := _line(fields, "License")) is not None and text != "UNKNOWN":
        names = {text}
    return tuple(sorted(names))


def _line(fields: Message, name: str) -> str | None:
    """A field that is one line of reasonable length; a whole licence text is none."""
    value = fields.get(name)
    text = "" if value is None else str(value).strip()
    return text if text and "\n" not in text and len(text) <= _MAX_LICENSE else None


def _invalid_wheel(path: Path) -> Invalid:
    return Invalid(f"{path.name}: expected a wheel with its METADATA", code="wheel_invalid")
