"""Reads a body as JSON when its sender does not say what it is, or says what `curl -d` always says.

No route of the API takes a form in the encoding of a URL, so the header of one means nothing there; the console's pages
take forms. Requests that a page of another site could send so are refused before (source_check.py).
"""

from starlette.types import ASGIApp, Receive, Scope, Send

_CONTENT_TYPE = b"content-type"
_FORM = b"application/x-www-form-urlencoded"
_JSON = (_CONTENT_TYPE, b"application/json")


class JsonByDefault:
    """Puts the type into the request's headers where it is missing.

    Args:
        forms: the beginnings of the paths that take forms.
    """

    def __init__(self, app: ASGIApp, *, forms: tuple[str, ...]) -> None:
        self._app = app
        self._forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if (
            scope["type"] == "http"
            and scope["method"] not in {"GET", "HEAD"}
            and not scope["path"].startswith(self._forms)
        ):
            headers = scope["headers"]
            declared = b"".join(value for name, value in headers if name == _CONTENT_TYPE).partition(b";")[0]
            if declared.strip().lower() in {b"", _FORM}:
                scope = {**scope, "headers": [*(pair for pair in headers if pair[0] != _CONTENT_TYPE), _JSON]}
        await self._app(scope, receive, send)
