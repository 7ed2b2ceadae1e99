"""What names may be. A name of a user's becomes part of URLs, DNS labels and folders, so it is checked at the door."""

import re

from modelyard.errors import Invalid

_MODEL = re.compile(r"[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SCRIPT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,96}\.py")
_EXPERIMENT_LENGTH = 200
_SHOWN = 80


def validate_model_name(name: str, *, field: str) -> None:
    """A model's name: it becomes `<model>-inference` on Kubernetes, so it is the start of a DNS label.

    Raises:
        Invalid: code `model_name_invalid`.
    """
    if not _MODEL.fullmatch(name):
        raise Invalid(
            f"{field}: expected 1 to 50 lower-case letters, digits and hyphens, the first a letter and the last not a "
            f"hyphen, got {_shown(name)}",
            code="model_name_invalid",
            field=field,
        )


def validate_namespace(name: str) -> None:
    """A namespace: a DNS label, as on Kubernetes.

    Raises:
        Invalid: code `namespace_invalid`.
    """
    if not _NAMESPACE.fullmatch(name):
        raise Invalid(
            "namespace: expected 1 to 63 lower-case letters, digits and hyphens, neither the first nor the last a "
            f"hyphen, got {_shown(name)}",
            code="namespace_invalid",
            field="namespace",
        )


def validate_script_name(name: str) -> None:
    """A script's file name, without folders.

    Raises:
        Invalid: code `script_name_invalid`.
    """
    if not _SCRIPT.fullmatch(name):
        raise Invalid(
            f"script_name: expected a file name that ends in .py, without folders, got {_shown(name)}",
            code="script_name_invalid",
            field="script_name",
        )


def validate_experiment_name(name: str) -> None:
    """An MLflow experiment's name.

    Raises:
        Invalid: code `experiment_name_invalid`.
    """
    if not name.strip() or len(name) > _EXPERIMENT_LENGTH or not name.isprintable():
        raise Invalid(
            f"experiment_name: expected 1 to {_EXPERIMENT_LENGTH} printable characters, got {_shown(name)}",
            code="experiment_name_invalid",
            field="experiment_name",
        )


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…")
