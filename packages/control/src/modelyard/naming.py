"""What names may be, and the labels that are derived from them. Pure.

A name is kept as its user gave it and compared character by character. What needs another alphabet (a DNS label, a
folder, an image's tag) takes a label, which is derived here and given to one name only (registry/name_store.py).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from itertools import count

from modelyard.errors import Invalid

MAX_NAME = 255
MAX_TARGET = 40
MAX_RUNNER = 40
"""Of the name of a target of deployments."""
MAX_LABEL = 50
"""So that a DNS label holds it with what is put behind it, like `-inference`."""
_MAX_FILE_NAME_BYTES = 255
_MAX_EXPERIMENT = 400  # MLflow takes 500; a tenant's name is put before it, and a mark behind one that is deleted.
_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?")
_NO_LABEL = re.compile(r"[^a-z0-9]+")
_DIGITS = 8
_SHOWN = 80
_EXPECTED = (
    f"expected 1 to {MAX_NAME} characters without '/', ':' and control characters, not only spaces, "
    "not '.', and not beginning with '..'"
)


def validate_model_name(name: str, *, field: str) -> None:
    """A model's name: what MLflow takes as the name of a registered model.

    Raises:
        Invalid: code `model_name_invalid`.
    """
    if not _is_name(name):
        raise Invalid(f"{field}: {_EXPECTED}, got {_shown(name)}", code="model_name_invalid", field=field)


def validate_namespace(name: str) -> None:
    """A namespace, by the same rule.

    Raises:
        Invalid: code `namespace_invalid`.
    """
    if not _is_name(name):
        raise Invalid(f"namespace: {_EXPECTED}, got {_shown(name)}", code="namespace_invalid", field="namespace")


def validate_script_name(name: str) -> None:
    """The file name of a script or a notebook, without folders.

    Raises:
        Invalid: code `script_name_invalid`.
    """
    size = len(name.encode("utf-8", errors="surrogatepass"))
    if not name.endswith((".py", ".ipynb")) or "/" in name or _has_control(name) or size > _MAX_FILE_NAME_BYTES:
        raise Invalid(
            "script_name: expected a file name that ends in .py or .ipynb, of at most "
            f"{_MAX_FILE_NAME_BYTES} bytes, without folders and control characters, got {_shown(name)}",
            code="script_name_invalid",
            field="script_name",
        )


def validate_experiment_name(name: str) -> None:
    """An MLflow experiment's name.

    Raises:
        Invalid: code `experiment_name_invalid`.
    """
    if not name.strip() or len(name) > _MAX_EXPERIMENT or _has_control(name):
        raise Invalid(
            f"experiment_name: expected 1 to {_MAX_EXPERIMENT} characters, not only spaces, without control "
            f"characters, got {_shown(name)}",
            code="experiment_name_invalid",
            field="experiment_name",
        )


def model_name_of_script(script_name: str) -> str:
    """The name of a model that nobody named: `breast_cancer.py` → `breast-cancer`. It is always valid."""
    stem = script_name.removesuffix(".py").removesuffix(".ipynb")
    return valid_name(stem.replace("_", "-").lower(), otherwise="model")


def valid_name(text: str, *, otherwise: str) -> str:
    """The text as a model's name: a character that no name has becomes `-`, and what is left of it is cut."""
    kept = "".join("-" if character in "/:" or _is_control(character) else character for character in text)
    kept = (kept.lstrip(".") if kept == "." or kept.startswith("..") else kept)[:MAX_NAME]
    return kept if kept.strip() else otherwise


def derived_label(name: str) -> str:
    """The label of a name that no other name competes with: `my_model` → `my-model`."""
    return next(derived_labels(name))


def derived_labels(name: str) -> Iterator[str]:
    """Labels for a name: the plain one if there is one, then endlessly with short digests, for where two would meet.

    A label is the start of a DNS label: 1 to 50 lower-case letters, digits and hyphens, the first a letter and the
    last not a hyphen. A name that is one stands for itself.
    """
    if _LABEL.fullmatch(name):
        yield name
    spelled = _NO_LABEL.sub("-", _without_marks(name)).strip("-")
    base = spelled or "model"
    base = base if base[0].isalpha() else f"m-{base}"
    if spelled and len(base) <= MAX_LABEL and base != name:
        yield base
    for attempt in count():
        yield f"{base[: MAX_LABEL - 1 - _DIGITS].rstrip('-')}-{short_digest(name, attempt)}"


def short_digest(name: str, attempt: int = 0) -> str:
    """Eight digits that tell a name from others; at a further attempt other ones."""
    # No name holds a slash, so no other name has the same text.
    text = name if attempt == 0 else f"{name}/{attempt}"
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:_DIGITS]


def image_tag(label: str, version: int) -> str:
    """The tag of a version's image: `my-model-v1`."""
    return f"{label}-v{version}"


def _is_name(name: str) -> bool:
    """MLflow's rule (mlflow.utils.validation) without characters that no terminal, log or header can show."""
    if not name.strip() or len(name) > MAX_NAME or name == "." or name.startswith(".."):
        return False
    return not any(character in "/:" or _is_control(character) for character in name)


def _has_control(text: str) -> bool:
    return any(map(_is_control, text))


def _is_control(character: str) -> bool:
    """Control characters, and halves of surrogate pairs, which are no characters."""
    return unicodedata.category(character) in {"Cc", "Cs"}


def _without_marks(name: str) -> str:
    """In lower case and without accents, as far as Unicode takes letters apart: `Größe` → `grosse`."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character)).casefold()


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…")
