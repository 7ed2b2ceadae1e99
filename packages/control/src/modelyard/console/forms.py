"""Forms of pages, as browsers send them without JavaScript, with and without files."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from modelyard.errors import Invalid

_MOST_FIELDS = 200
_MOST_FIELD_BYTES = 8 * 1024 * 1024
"""As much as a whole form without a file may have."""
_URL_ENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that may have files.

    Attributes:
        fields: texts by name; the last of those of one name.
        files: those that were chosen; a file's name is whatever its sender wrote.
    """

    fields: Fields
    files: Mapping[str, UploadFile] = field(default_factory=dict)

    def file(self, name: str) -> UploadFile:
        """The file of this name.

        Raises:
            Invalid: code `form_invalid`; none was chosen.
        """
        if name not in self.files:
            raise Invalid(f"{name}: expected a file, got none", code="form_invalid", field=name)
        return self.files[name]


async def _sent(request: Request) -> AsyncIterator[Sent]:
    """The form; its files are closed when the answer is made.

    Raises:
        Invalid: code `form_invalid`.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == _URL_ENCODED:
        yield Sent(_fields(await request.body()))
        return
    if not content_type and not await request.body():  # A button without fields.
        yield Sent({})
        return
    if content_type != _MULTIPART:
        raise Invalid(
            f"Content-Type: expected {_URL_ENCODED} or {_MULTIPART}", code="form_invalid", field="Content-Type"
        )
    try:
        form = await request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES)
    except (HTTPException, UnicodeDecodeError) as exc:
        if isinstance(exc, HTTPException) and exc.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise Invalid("form: expected fields, and at most one file", code="form_invalid", field="form") from exc
    try:
        items = form.multi_items()
        texts = {name: _newlines(value) for name, value in items if isinstance(value, str)}
        files = {name: file for name, file in items if isinstance(file, UploadFile) and (file.filename or file.size)}
        yield Sent(texts, files)
    finally:
        await form.close()


def _fields(body: bytes) -> Fields:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as exc:
        raise Invalid("form: expected fields of a form in UTF-8", code="form_invalid", field="form") from exc
    return {name: _newlines(value) for name, value in pairs}


def _newlines(value: str) -> str:
    return value.replace("\r\n", "\n")


def checked(form: Fields, beginning: str) -> Iterator[str]:
    """The rest of the names of the boxes that are checked, of those that begin so."""
    return (name.removeprefix(beginning) for name in form if name.startswith(beginning))


def lines(form: Fields, name: str) -> list[str]:
    """The lines of a text area that are not blank."""
    return [line.strip() for line in form.get(name, "").splitlines() if line.strip()]


SentForm = Annotated[Sent, Depends(_sent)]
"""What was filled in, with the file that was chosen."""


async def _texts(sent: SentForm) -> Fields:
    return sent.fields


Form = Annotated[Fields, Depends(_texts)]
"""What was filled in."""
