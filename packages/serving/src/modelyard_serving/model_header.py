"""The headers, or gRPC metadata, by which a request says which model and version it is meant for:

- `modelyard-model: NAME` or `NAME/VERSION` names what the client expects at an address that it kept. The address may
  have been reassigned to another model; then the client gets an error instead of that model's predictions.
- `modelyard-version: VERSION` says which version shall answer. During a replacement two versions share one address, and
  a connection leads to either. The wrong one refuses, so that a proxy asks again on another connection.
"""

from urllib.parse import quote, unquote

from modelyard_serving.errors import Kind, ServingError

MODEL_HEADER = "modelyard-model"
VERSION_HEADER = "modelyard-version"
"""Of every response: the version that answered. During a replacement nobody but the server knows it."""
MISDIRECTED_HEADER = "modelyard-misdirected"
"""Of a refusal: nothing was done, and another connection to the same address may lead to the version that was meant."""
_SHOWN = 300


class ModelHeader:
    """Checks the headers against this server's model. A name that is not ASCII is percent-encoded UTF-8."""

    def __init__(self, name: str, version: str) -> None:
        self._name = name
        self._version = version
        self._right = {form for plain in (name, quote(name)) for form in (plain, f"{plain}/{version}")}

    def refusal(self, model: str | None, version: str | None) -> ServingError | None:
        """The error for the values of the two headers; None when they name what this server has, or nothing."""
        if version is not None and version != self._version:
            return ServingError(
                f"{VERSION_HEADER}: this server has version {self._version!r} of the model, not {version[:_SHOWN]!r}",
                kind=Kind.MISDIRECTED,
            )
        return None if model is None or model in self._right else self._of_other_model(model)

    def _of_other_model(self, requested: str) -> ServingError | None:
        name, slash, version = requested.partition("/")
        if unquote(name) == self._name and version in ("", self._version):
            return None
        other = f"{unquote(name)[:_SHOWN]!r}" + (f" in version {version[:_SHOWN]!r}" if slash else "")
        return ServingError(
            f"{MODEL_HEADER}: this server has model {self._name!r} in version {self._version!r}, not {other}",
            kind=Kind.CONFLICT,
        )
