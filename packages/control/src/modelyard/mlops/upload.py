"""Reads the two forms in which a training script is uploaded: JSON, and a form with the script as a file."""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from modelyard.errors import Invalid
from modelyard.mlops.schemas import TrainingRequest
from modelyard.training.scripts import DEFAULT_ENTRY, MAX_SCRIPT_BYTES
from modelyard_client.notebooks import MAX_NOTEBOOK_BYTES, is_notebook

_TEXT_FIELDS = ("experiment_name", "model_name", "logged_model", "best_of", "requires_python", "runner")
_LINE_FIELDS = ("requirements", "constraints")
_JSON_FIELDS = ("environment", "secrets", "parameters", "data")
_REPEATED = frozenset({*_LINE_FIELDS, "arguments"})
_FIELDS = frozenset({*_TEXT_FIELDS, *_JSON_FIELDS, *_REPEATED, "script", "timeout_seconds"})


async def read_upload(request: Request) -> TrainingRequest:
    """The request, whichever way it came.

    Raises:
        Invalid, RequestValidationError: a field is missing, unknown or of the wrong type.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        async with request.form() as form:
            fields = await _form_fields(form)
    else:
        fields = _json_fields(await request.body())
    try:
        return TrainingRequest.model_validate(fields)
    except ValidationError as exc:
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in exc.errors()]) from exc


def _json_fields(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise _invalid("body", "expected a form with a file 'script', or JSON, got something that is neither") from exc


async def _form_fields(form: FormData) -> dict[str, Any]:
    for name in sorted(set(form)):
        if name not in _FIELDS:
            raise _invalid(name, f"expected one of the fields {', '.join(sorted(_FIELDS))}")
        if name not in _REPEATED and len(form.getlist(name)) > 1:
            raise _invalid(name, f"expected it once, got it {len(form.getlist(name))} times")
    fields: dict[str, Any] = {name: form[name] for name in _TEXT_FIELDS if form.get(name)}
    fields |= await _script(form.get("script"))
    for name in _LINE_FIELDS:
        if values := form.getlist(name):
            fields[name] = _requirements(values, name)
    if arguments := form.getlist("arguments"):
        fields["arguments"] = [str(each) for each in arguments]
    for name in _JSON_FIELDS:
        if name in form:
            fields[name] = _object(form[name], name)
    if timeout := form.get("timeout_seconds"):
        fields["timeout_seconds"] = _number(timeout)
    return fields


async def _script(script: UploadFile | str | None) -> dict[str, str]:
    if not isinstance(script, UploadFile):
        raise _invalid("script", "expected the training script as a file")
    name = PurePosixPath(script.filename or DEFAULT_ENTRY).name
    most = MAX_NOTEBOOK_BYTES if is_notebook(name) else MAX_SCRIPT_BYTES
    content = await script.read(most + 1)
    if len(content) > most:
        raise _invalid("script", f"expected at most {most} bytes, got more", code="script_content_invalid")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise _invalid("script", "expected Python source in UTF-8", code="script_content_invalid") from exc
    return {"script_name": name, "script_content": text}


def _object(value: UploadFile | str, name: str) -> Any:
    """A field with a JSON object. What was sent is not repeated: it may be secret."""
    try:
        return json.loads(value if isinstance(value, str) else "")
    except (ValueError, RecursionError) as exc:
        raise _invalid(name, 'expected a JSON object, like {"NAME": "value"}') from exc


def _requirements(values: Sequence[UploadFile | str], name: str) -> list[Any]:
    """A field for each, or one with a JSON list, or one with a line for each, as in a requirements file."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        raise _invalid(name, "expected names, one a field or one a line, or a JSON list; got a file")
    if len(texts) == 1 and texts[0].lstrip().startswith("["):
        try:
            return list(json.loads(texts[0]))
        except (ValueError, RecursionError) as exc:
            said = "expected names, one a field or one a line, or a JSON list; got malformed JSON"
            raise _invalid(name, said) from exc
    lines = [line.partition("#")[0].strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line]


def _number(value: UploadFile | str) -> float:
    try:
        return float(str(value))
    except ValueError as exc:
        raise _invalid("timeout_seconds", f"expected a number, got {str(value)[:80]!r}") from exc


def _invalid(field: str, said: str, *, code: str = "request_invalid") -> Invalid:
    return Invalid(f"{field}: {said}", code=code, field=field)
