"""What the API takes to train a script or a notebook, of the form that people fill in."""

from modelyard.console.forms import Sent, lines
from modelyard.errors import Invalid

_MOST_BYTES = 8 * 1024 * 1024


async def script_of(sent: Sent) -> dict[str, object]:
    """The body of the call. A file counts before what is written beside it; it has its own name then.

    Requirements are a line each; without any, the script's own block counts.

    Raises:
        Invalid: code `form_invalid`; the file is no text.
    """
    form = sent.fields
    body: dict[str, object] = {name: form.get(name, "") for name in ("script_name", "script_content", "model_name")}
    if (file := sent.files.get("script")) is not None:
        body |= {"script_name": file.filename or "", "script_content": _text(await file.read(_MOST_BYTES + 1))}
    if requirements := lines(form, "requirements"):
        body["requirements"] = requirements
    return body


def _text(content: bytes) -> str:
    if len(content) > _MOST_BYTES:
        raise Invalid(f"script: expected at most {_MOST_BYTES} bytes", code="form_invalid", field="script")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Invalid(
            "script: expected Python source or a notebook in UTF-8, got another file",
            code="form_invalid",
            field="script",
        ) from exc
