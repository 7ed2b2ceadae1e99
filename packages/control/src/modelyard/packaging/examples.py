"""The request with which people try a version: its input example, as `/predict` takes it."""

from collections.abc import Mapping
from typing import Any

from modelyard.packaging.example import example_in
from modelyard.principals import Principal
from modelyard.registry.artifacts import Artifacts

_MOST_BYTES = 1024 * 1024
_FILES = {"serving_input_example.json": False, "input_example.json": True}
"""The names that MLflow gives the files, and whether they hold the example as it was given."""


class Examples:
    """Input examples of all versions, read from the files that were registered."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def request(self, principal: Principal, name: str, number: int) -> Mapping[str, Any] | None:
        """`{"inputs": ...}`; None when the version has no example, or one of more than a megabyte.

        Raises:
            NotFound: code `version_not_found`.
            Conflict: code `artifact_changed`.
            Unavailable: the store does not answer.
        """
        version, manifest = self._artifacts.of(principal, name, number)
        for file_name, as_given in _FILES.items():
            for file in manifest.files:
                if file.path == file_name and file.size <= _MOST_BYTES:
                    fetched = self._artifacts.fetch(version, file)
                    try:
                        request = example_in(fetched.path.read_bytes(), as_given=as_given)
                    finally:
                        fetched.discard()
                    if request is not None:
                        return request
        return None
