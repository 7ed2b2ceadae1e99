"""What a request says besides its rows: which model is meant, and by whose subscription."""

from urllib.parse import quote

_MODEL_HEADER = "modelyard-model"
_KEY_HEADER = "Ocp-Apim-Subscription-Key"


def model_headers(model: str | None, version: int | None, key: str | None) -> dict[str, str]:
    """The headers of every request of a predictor.

    Raises:
        ValueError: a version without its model.
    """
    if version is not None and model is None:
        raise ValueError("version: expected together with model, of which it is one")
    headers = {} if key is None else {_KEY_HEADER: key}
    if model is not None:
        headers[_MODEL_HEADER] = quote(model) + ("" if version is None else f"/{version}")
    return headers
