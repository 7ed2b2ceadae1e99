"""Which model a caller means who says so: the header, or gRPC metadata, `modelyard-model: NAME` or `NAME/VERSION`. An
address that a caller kept may have become another model's; then it is told so, instead of getting that model's answers.
"""

from urllib.parse import quote, unquote

from modelyard_serving.errors import Kind, ServingError

MODEL_HEADER = "modelyard-model"
_SHOWN = 300


class ModelHeader:
    """The model of this server, as callers may name it: a name that is not plain ASCII as percent-encoded UTF-8."""

    def __init__(self, name: str, version: str) -> None:
        self._name = name
        self._version = version
        self._right = {form for plain in (name, quote(name)) for form in (plain, f"{plain}/{version}")}

    def refusal(self, requested: str) -> ServingError | None:
        """Why a caller who names this model is not answered; None when it is ours."""
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
