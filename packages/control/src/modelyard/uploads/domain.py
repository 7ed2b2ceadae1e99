"""One upload, and what its file may be. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from modelyard.errors import Invalid
from modelyard.uploads.states import UploadStatus

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_FLAVORS: dict[str, tuple[str, str, Mapping[str, str]]] = {
    ".onnx": ("onnx", "data", {}),
    ".xgb": ("xgboost", "data", {}),
    ".ubj": ("xgboost", "data", {}),
    ".lgb": ("lightgbm", "data", {}),
    ".cb": ("catboost", "data", {}),
    ".cbm": ("catboost", "data", {}),
    ".pkl": ("sklearn", "pickled_model", {"serialization_format": "pickle"}),
    ".skops": ("sklearn", "pickled_model", {"serialization_format": "skops"}),
}
"""By suffix, for a model that is one file: MLflow's flavor, its key for the file, and what else it says."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is uploaded, with the metadata of its version."""

    upload_id: str
    tenant_id: str
    model_name: str
    file_name: str
    size: int
    received: int
    """Bytes that are here to stay; the next piece begins at this offset."""
    sha256: str
    """Of the whole file, as its sender declared it."""
    request: Mapping[str, Any]
    """Description, tags, metrics, parameters and requirements, as JSON."""
    status: UploadStatus
    job_id: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    """When it is given up, unless another piece comes."""

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"uploads/{self.upload_id}"

    @property
    def is_archive(self) -> bool:
        """Whether it is a folder in one file."""
        return is_archive(self.file_name)


def is_archive(file_name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return file_name.lower().endswith(ARCHIVES)


def validate_file_name(file_name: str) -> None:
    """A plain name of an archive, or of a model in one file.

    Raises:
        Invalid: code `file_name_invalid`.
    """
    known = (*ARCHIVES, *_FLAVORS)
    if not _FILE_NAME.fullmatch(file_name) or not file_name.lower().endswith(known):
        raise Invalid(
            "file_name: expected a name without folders of letters, digits and . _ - that ends in one of "
            f"{', '.join(known)}, got {file_name[:80]!r}",
            code="file_name_invalid",
            field="file_name",
        )


def flavors_of(file_name: str) -> Mapping[str, Any]:
    """What `MLmodel` says of a model that is this one file."""
    flavor, key, more = _FLAVORS[PurePosixPath(file_name.lower()).suffix]
    return {
        flavor: {key: file_name, **more},
        "python_function": {"loader_module": f"mlflow.{flavor}", "model_path": file_name},
    }


def needs_requirements(file_name: str) -> bool:
    """Whether a model that is this one file can only be served in an environment that somebody names."""
    return not is_archive(file_name) and _FLAVORS[PurePosixPath(file_name.lower()).suffix][0] != "onnx"


def request_digest(model_name: str, file_name: str, size: int, sha256: str, request: Mapping[str, Any]) -> str:
    """What two requests for one upload share."""
    canonical = json.dumps([model_name, file_name, size, sha256, request], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
