"""What a model may be called: whatever MLflow takes as the name of a registered model."""

import unicodedata

from modelyard_serving.errors import UsageError

_MAX_NAME = 255


def check_model_name(name: str) -> None:
    """Refuse a name that a caller could not write into a path.

    Raises:
        UsageError: it is no name of a model.
    """
    is_name = bool(name.strip()) and len(name) <= _MAX_NAME and name != "." and not name.startswith("..")
    if not is_name or any(each in "/:" or unicodedata.category(each) in {"Cc", "Cs"} for each in name):
        shown = repr(name if len(name) <= 80 else name[:80] + "…")
        raise UsageError(
            f"name must be 1 to {_MAX_NAME} characters without '/', ':' and control characters, not only spaces, "
            f"not '.' and not beginning with '..'; not {shown}"
        )
