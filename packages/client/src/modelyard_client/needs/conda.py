"""`environment.yml` and `conda.yaml`: the `pip` part, Python's version, and packages that pip knows as well.

Conda itself is not used. A package of conda's that is not known to be one of the Python index too is refused by name.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from modelyard_client.needs.needs import Needs, Reader, named_requirement, python_versions, refused
from modelyard_client.needs.requirements_file import read_requirement_lines

_SAME_NAME = frozenset(
    [
        *("beautifulsoup4", "boto3", "catboost", "category_encoders", "cloudpickle", "cython", "dask", "datasets"),
        *("dill", "fastapi", "feature_engine", "fsspec", "gensim", "h5py", "hyperopt", "imbalanced-learn", "jinja2"),
        *("joblib", "jsonschema", "keras", "lightgbm", "lxml", "matplotlib", "mlflow", "mlflow-skinny", "networkx"),
        *("nltk", "numba", "numpy", "onnx", "onnxruntime", "openpyxl", "optuna", "pandas", "pillow", "plotly"),
        *("polars", "prophet", "psutil", "pyarrow", "pydantic", "python-dateutil", "pytorch-lightning", "pyyaml"),
        *("requests", "s3fs", "scikit-image", "scikit-learn", "scipy", "seaborn", "sentence-transformers"),
        *("setuptools", "shap", "skl2onnx", "skops", "spacy", "sqlalchemy", "statsmodels", "sympy", "tensorflow"),
        *("threadpoolctl", "tokenizers", "torchvision", "tqdm", "transformers", "umap-learn", "wheel", "xgboost"),
    ]
)
_OTHER_NAME = {
    "matplotlib-base": "matplotlib",
    "py-xgboost": "xgboost",
    "pytorch": "torch",
    "tensorflow-base": "tensorflow",
}
_KEYS = frozenset({"name", "channels", "dependencies", "prefix"})
_SPEC = re.compile(r"(?:[\w.-]+(?:/[\w-]+)?::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<versions>.*)")


def read_conda(path: PurePosixPath, text: str, read: Reader) -> Needs:
    """What the file needs.

    Raises:
        Invalid: it is no YAML, or something in it cannot be honoured.
    """
    try:
        content = yaml.safe_load(text) or {}
    except (yaml.YAMLError, RecursionError) as error:
        raise refused(f"{path}: expected YAML") from error
    if not isinstance(content, dict):
        raise refused(f"{path}: expected an environment of conda's, with `dependencies`")
    if unknown := sorted(str(key) for key in content.keys() - _KEYS):
        hint = ": variables are given with --env" if "variables" in unknown else ""
        raise refused(f"{path}: {', '.join(unknown)} is not honoured, so it is refused{hint}")
    dependencies = content.get("dependencies") or []
    if not isinstance(dependencies, list):
        raise refused(f"{path}: expected `dependencies` to be a list")
    return _needs(path, dependencies, read)


def _needs(path: PurePosixPath, dependencies: Sequence[Any], read: Reader) -> Needs:
    requirements: list[str] = []
    pip_lines: list[str] = []
    python = ""
    for item in dependencies:
        if isinstance(item, dict) and set(item) == {"pip"} and isinstance(item["pip"], list):
            pip_lines += map(str, item["pip"])
            continue
        name, versions = _conda_package(path, item)
        if name == "python":
            python = python_versions(versions, where=f"{path}, python")
        elif name != "pip":
            requirements.append(named_requirement(f"{_on_the_index(path, name)}{versions}", where=str(path)))
    pip = read_requirement_lines("\n".join(pip_lines), path, read)
    return Needs((*requirements, *pip.requirements), pip.constraints, requires_python=python, source=str(path))


def _conda_package(path: PurePosixPath, item: Any) -> tuple[str, str]:
    match = _SPEC.fullmatch(item.strip()) if isinstance(item, str) else None
    if match is None:
        raise refused(f"{path}: expected a package like numpy=1.26, or a list under `pip`, got {str(item)[:80]!r}")
    return match["name"].lower(), _versions(path, item, match["versions"].strip())


def _versions(path: PurePosixPath, item: str, text: str) -> str:
    """Conda's versions as Python's: `=1.26` → `==1.26.*`."""
    if not text:
        return ""
    if re.fullmatch(r"=?[^=<>!~,|\s]+[=\s][^=<>!~,|\s]+", text):
        raise refused(f"{path}: {item!r} names a build of conda's: `conda env export --no-builds` writes versions only")
    if "|" in text:
        raise refused(f"{path}: {item!r} names alternatives, which requirements of Python cannot say")
    return ",".join(_version(part.strip()) for part in text.split(","))


def _version(part: str) -> str:
    if match := re.fullmatch(r"=?(\d[\w.]*?)(\.?\*)?", part):
        return f"=={match[1]}.*"
    return part.replace(" ", "")


def _on_the_index(path: PurePosixPath, name: str) -> str:
    if name in _SAME_NAME:
        return name
    if name in _OTHER_NAME:
        return _OTHER_NAME[name]
    raise refused(
        f"{path}: the package {name!r} is one of conda's that is not known to be on the Python package index: move it "
        "to the `pip` part if it is, else remove it"
    )
