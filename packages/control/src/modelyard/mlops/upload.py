"""Reads the two forms in which a training script is uploaded: JSON, and a form with the script as a file."""

import json
from pathlib import PurePosixPath
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from modelyard.errors import Invalid
from modelyard.mlops.schemas import TrainingRequest
from modelyard.training.service import MAX_SCRIPT_BYTES

_TEXT_FIELDS = ("script_name", "experiment_name", "model_name", "logged_model")
_FIELDS = frozenset({*_TEXT_FIELDS, "script", "requirements", "timeout_seconds"})


async def read_upload(request: Request) -> TrainingRequest:
    """The request, whichever way it came.

    Raises:
        Invalid: a field is missing, unknown or of the wrong type.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        fields = await _form_fields(await request.form())
    else:
        fields = _json_fields(await request.body())
    try:
        return TrainingRequest.model_validate(fields)
    except ValidationError as exc:
        finding = exc.errors()[0]
        field = ".".join(str(part) for part in finding["loc"])
        said = finding["msg"][0].lower() + finding["msg"][1:]
        raise Invalid(f"{field}: {said}", code="request_invalid", field=field) from exc


def _json_fields(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as exc:
        raise Invalid(
            f"body: expected a form with a file 'script', or JSON; as JSON it is malformed: {exc}",
            code="request_invalid",
            field="body",
        ) from exc


async def _form_fields(form: FormData) -> dict[str, Any]:
    unknown = sorted(set(form) - _FIELDS)
    if unknown:
        raise Invalid(
            f"{unknown[0]}: expected one of the fields {', '.join(sorted(_FIELDS))}",
            code="request_invalid",
            field=unknown[0],
        )
    fields: dict[str, Any] = {name: form[name] for name in _TEXT_FIELDS if form.get(name)}
    fields |= await _script(form.get("script"))
    if values := form.getlist("requirements"):
        fields["requirements"] = _requirements([value for value in values if isinstance(value, str)])
    if timeout := form.get("timeout_seconds"):
        fields["timeout_seconds"] = _number(str(timeout))
    return fields


async def _script(script: UploadFile | str | None) -> dict[str, str]:
    if not isinstance(script, UploadFile):
        raise Invalid("script: expected the training script as a file", code="request_invalid", field="script")
    content = await script.read(MAX_SCRIPT_BYTES + 1)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Invalid("script: expected Python source in UTF-8", code="script_content_invalid", field="script") from exc
    return {"script_name": PurePosixPath(script.filename or "train.py").name, "script_content": text}


def _requirements(values: list[str]) -> list[str]:
    """A field for each, or one with a JSON list, or one with a line for each, as in a requirements file."""
    if len(values) == 1 and values[0].lstrip().startswith("["):
        try:
            parsed = json.loads(values[0])
        except ValueError as exc:
            raise Invalid(
                "requirements: expected names, one a field or one a line, or a JSON list; got malformed JSON",
                code="request_invalid",
                field="requirements",
            ) from exc
        return list(parsed)
    lines = [line.partition("#")[0].strip() for value in values for line in value.splitlines()]
    return [line for line in lines if line]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise Invalid(
            f"timeout_seconds: expected a number, got {text[:80]!r}", code="request_invalid", field="timeout_seconds"
        ) from exc
