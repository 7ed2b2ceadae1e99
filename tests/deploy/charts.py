"""Renders the chart with the real Helm."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "modelyard"
NEEDED = {
    "image.repository": "registry.example.com/modelyard",
    "database.existingSecret": "database",
    "keys.existingSecret": "keys",
}
Object = Mapping[str, Any]


def helm() -> str:
    """Helm's path; the test is skipped by its name where there is none."""
    found = os.environ.get("MODELYARD_HELM") or shutil.which("helm")
    if found is None:
        pytest.skip("helm is not installed (MODELYARD_HELM may name it)")
    return found


def run_helm(*arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    settings = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    return subprocess.run([helm(), *arguments, *settings], capture_output=True, text=True, check=False, timeout=180)


def rendered(values: Mapping[str, str] = {}, *, cluster: str = "1.37") -> list[Object]:
    """The objects of the chart with these values, in a namespace `platform`."""
    options = ["--namespace", "platform", "--kube-version", cluster]
    result = run_helm("template", "mine", str(CHART), *options, **{**NEEDED, **values})
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document is not None]


def pod_templates(objects: list[Object]) -> Iterator[Object]:
    """The specs of all pods that the objects make."""
    for one in objects:
        if one["kind"] in {"Deployment", "Job"}:
            yield one["spec"]["template"]["spec"]


def one_of(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found
