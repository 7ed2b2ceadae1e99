"""Writes bundles, as docs/architecture/03-bundles-and-the-model-server.md describes them. File work only."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from modelyard.packaging.example import example_of
from modelyard.packaging.plan import ServingPlan
from modelyard.packaging.profiling import PROFILE_FILE
from modelyard.ports.environments import Lock
from modelyard.registry.files import manifest_of

SCHEMA = "modelyard.bundle/1"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What a bundle says of the version that it holds."""

    model_name: str
    version: int
    run_id: str | None
    mlflow_uri: str
    created_at: datetime


def write_bundle(
    model: Path,
    place: Path,
    *,
    facts: BundleFacts,
    plan: ServingPlan,
    lock: Lock,
    compiled: Path | None = None,
    example: Mapping[str, Any] | None = None,
    profile: Callable[[Path], bytes | None] = lambda _: None,
) -> bytes | None:
    """Move the version's files from `model` into a bundle at `place`, with `example` where none was logged. Gives the
    profile of its training data that `profile` made of the whole bundle.

    Where there is a translation, in the folder `compiled`, the bundle holds that instead, and of the model only the
    `MLmodel`, which has its origin and its signature.

    It is written beside `model` and renamed into its place, so that what stands there is whole. What stood there
    before, left by a build that was cut off before it was noted, goes.
    """
    folder = Path(mkdtemp(dir=model.parent, prefix="bundle-"))
    try:
        (folder / "requirements.txt").write_text(lock.text, encoding="utf-8")
        if (request := example_of(model) or example) is not None:
            _write_json(folder / "example.json", request)
        source = _place(model, compiled, folder)
        _write_json(folder / "bundle.json", _description(facts, plan, source))
        _write_json(folder / _MANIFEST, _manifest(folder))
        made = profile(folder)
        if made is not None:
            (folder / PROFILE_FILE).write_bytes(made)
            (folder / _MANIFEST).unlink()
            _write_json(folder / _MANIFEST, _manifest(folder))
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return made


def _place(model: Path, compiled: Path | None, folder: Path) -> str:
    """Put what the server loads into the bundle; gives its place there."""
    if compiled is None:
        model.rename(folder / "model")
        return "model"
    (folder / "model").mkdir()
    shutil.copyfile(model / "MLmodel", folder / "model" / "MLmodel")
    compiled.rename(folder / "compiled")
    return "compiled"


def _description(facts: BundleFacts, plan: ServingPlan, source: str) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "model": {
            "name": facts.model_name,
            "version": str(facts.version),
            "run_id": facts.run_id,
            "mlflow_uri": facts.mlflow_uri,
        },
        "runtime": plan.runtime,
        "source": source,
        "created_at": facts.created_at.isoformat(),
    }


def _manifest(folder: Path) -> dict[str, object]:
    files = {file.path: {"sha256": file.sha256, "size": file.size} for file in manifest_of(folder).files}
    return {"algorithm": "sha256", "files": files}


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
