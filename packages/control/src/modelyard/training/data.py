"""The data that a run is given: references by name. The platform hands them to the script, and fetches none."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard.errors import Invalid
from modelyard.registry.provenance import DataReference

MAX_URI = 2000
_MOST = 50
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:[^\s\x00-\x1f\x7f]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROJECT = "project:"


def checked_data(data: Mapping[str, DataReference], project: Path | None) -> dict[str, DataReference]:
    """The references, a file of the project with its digest.

    Args:
        project: the folder of the project's files; None for a script that is sent alone.

    Raises:
        Invalid: code `data_invalid`; or `data_changed`, when a file of the project has another digest than was said.
    """
    if len(data) > _MOST:
        raise Invalid(f"data: expected at most {_MOST}, got {len(data)}", code="data_invalid", field="data")
    variables = [_variable(name) for name in data]
    if both := sorted(name for name in data if variables.count(_variable(name)) > 1):
        raise _invalid(both[0], f"expected one of the variable {_variable(both[0])}, got {', '.join(both)}")
    return {name: _checked(name, reference, project) for name, reference in data.items()}


def data_variables(data: Mapping[str, Any]) -> dict[str, str]:
    """The variables by which a script finds its data: one for each, and one with all of it as JSON.

    A file of the project is its path, which is where the run has it.
    """
    if not data:
        return {}
    named = {_variable(name): str(each["uri"]).removeprefix(_PROJECT) for name, each in data.items()}
    return {**named, "MODELYARD_DATA": json.dumps(data, sort_keys=True)}


def data_tags(data: Mapping[str, Any]) -> dict[str, str]:
    """The tags by which the runs of a script say which data they were given."""
    return {
        f"modelyard.data.{name}": each["uri"] if each["sha256"] is None else f"{each['uri']}@{each['sha256']}"
        for name, each in data.items()
    }


def _checked(name: str, reference: DataReference, project: Path | None) -> DataReference:
    if not _NAME.fullmatch(name):
        raise _invalid(name[:80], "expected a name of at most 63 letters, digits, _ and - that begins with a letter")
    if len(reference.uri) > MAX_URI or not _URI.fullmatch(reference.uri):
        said = f"expected a URI like s3://bucket/rows.parquet or project:rows.csv, at most {MAX_URI} characters"
        raise _invalid(name, f"{said}, got {reference.uri[:80]!r}")
    if reference.sha256 is not None and not _SHA256.fullmatch(reference.sha256):
        raise _invalid(name, f"expected a sha256 of 64 hexadecimal digits, got {reference.sha256[:80]!r}")
    if not reference.uri.startswith(_PROJECT):
        return reference
    digest = _digest_of_file(name, reference.uri.removeprefix(_PROJECT), project)
    if reference.sha256 not in (None, digest):
        raise Invalid(
            f"data.{name}: the project's file has the sha256 {digest}, not {reference.sha256}",
            code="data_changed",
            field=f"data.{name}",
        )
    return DataReference(reference.uri, digest)


def _digest_of_file(name: str, path: str, project: Path | None) -> str:
    """Of a file of the project, whose folder holds plain files only; a path that leaves it is no file of it."""
    place = PurePosixPath(path)
    is_inside = project is not None and not place.is_absolute() and ".." not in place.parts and "\0" not in path
    if project is None or not is_inside or not (project / place).is_file():
        raise _invalid(name, f"expected a file of the project that is sent, got {path[:80]!r}")
    with (project / place).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _variable(name: str) -> str:
    return f"MODELYARD_DATA_{name.upper().replace('-', '_')}"


def _invalid(name: str, said: str) -> Invalid:
    return Invalid(f"data.{name}: {said}", code="data_invalid", field=f"data.{name}")
