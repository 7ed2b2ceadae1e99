"""The header, or gRPC metadata, `modelyard-model: NAME` or `NAME/VERSION`, by which a client names the model that it
expects. An address may have been reassigned to another model; then the client gets an error instead of that model's
predictions.
"""

from urllib.parse import quote, unquote

from modelyard_serving.errors import Kind, ServingError

MODEL_HEADER = "modelyard-model"
VERSION_HEADER = "modelyard-version"
"""Of every response: the version that answered. During a replacement nobody but the server knows it."""
_SHOWN = 300


class ModelHeader:
    """Checks the header against this server's model. A name that is not ASCII is percent-encoded UTF-8."""

    def __init__(self, name: str, version: str) -> None:
        self._name = name
        self._version = version
        self._right = {form for plain in (name, quote(name)) for form in (plain, f"{plain}/{version}")}

    def refusal(self, requested: str) -> ServingError | None:
        """The error for this header; None when it names this server's model."""
        if requested in self._right:
            return None
        name, slash, version = requested.partition("/")
        if unquote(name) == self._name and version in ("", self._version):
            return None
        other = f"{unquote(name)[:_SHOWN]!r}" + (f" in version {version[:_SHOWN]!r}" if slash else "")
        return ServingError(
            f"{MODEL_HEADER}: this server has model {self._name!r} in version {self._version!r}, not {other}",
            kind=Kind.CONFLICT,
        )
