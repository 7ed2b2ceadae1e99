"""What each file of a version is for, derived from its name alone: nothing is opened. Pure."""

import re
from enum import StrEnum
from pathlib import PurePosixPath


class Role(StrEnum):
    """What a file is to the model. The first five are the contract's."""

    MODEL = "model"
    """The model's binary."""
    PREPROCESSOR = "preprocessor"
    CONFIG = "config"
    """Hyper-parameters and metadata."""
    METRICS = "metrics"
    REQUIREMENTS = "requirements"
    """The snapshot of the dependencies."""
    DESCRIPTION = "description"
    """How MLflow describes the model: `MLmodel` and what belongs to it."""
    ENVIRONMENT = "environment"
    EXAMPLE = "example"
    CODE = "code"
    OTHER = "other"


_NAMES = {
    "config.json": Role.CONFIG,
    "metrics.json": Role.METRICS,
    "requirements.txt": Role.REQUIREMENTS,
    "MLmodel": Role.DESCRIPTION,
    "registered_model_meta": Role.DESCRIPTION,
    "conda.yaml": Role.ENVIRONMENT,
    "python_env.yaml": Role.ENVIRONMENT,
    "input_example.json": Role.EXAMPLE,
    "serving_input_example.json": Role.EXAMPLE,
    "input_example.npy": Role.EXAMPLE,
}
_BINARIES = frozenset(
    [
        *(
            ".bst",
            ".cb",
            ".cbm",
            ".ckpt",
            ".dill",
            ".gguf",
            ".h5",
            ".joblib",
            ".keras",
            ".lgb",
            ".onnx",
            ".pb",
            ".pickle",
        ),
        *(".pkl", ".pt", ".pth", ".safetensors", ".skops", ".tflite", ".ubj", ".xgb"),
    ]
)
_PREPROCESSOR = re.compile(r"(?:pre[-_]?processor|preprocessing|preproc)(?:[-_.].*)?", re.IGNORECASE)


def role_of(path: str) -> Role:
    """The role of the file at this path of a version."""
    place = PurePosixPath(path)
    if place.name in _NAMES:
        return _NAMES[place.name]
    if place.suffix == ".py" or place.parts[0] == "code":
        return Role.CODE
    if _PREPROCESSOR.fullmatch(place.name):
        return Role.PREPROCESSOR
    is_binary = place.suffix.lower() in _BINARIES or place.stem == "model"
    return Role.MODEL if is_binary else Role.OTHER
