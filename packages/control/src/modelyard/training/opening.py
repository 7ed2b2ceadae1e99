"""Lets no model of a job become a version before its server could open it, with the project's modules that it needs."""

import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from modelyard.errors import NotFound
from modelyard.packaging.opening import ModelOpening, refuse
from modelyard.packaging.service import PackagingService
from modelyard.ports.environments import LogLine
from modelyard.ports.tracking import LoggedModel, Tracking
from modelyard.training.project_code import RunFiles, add_module

_MOST_TRIES = 8
"""Each adds a module that the one before missed."""


@dataclass(frozen=True, slots=True)
class OpeningModels:
    """Opens what scripts logged."""

    tracking: Tracking
    packaging: PackagingService
    opening: ModelOpening
    scratch: Path

    def prove(self, logged: LoggedModel, *, lock_digest: str, run: RunFiles, script_name: str, log: LogLine) -> None:
        """Open the model; a module that only the run's own folder has is added to the model's files first.

        Raises:
            NotFound: code `artifact_missing`.
            Invalid: code `model_not_openable`, in the words of who wrote the script; or as `plan_serving`.
        """
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.scratch, prefix="open-") as name:
            model = Path(name) / "model"
            model.mkdir()
            try:
                self.tracking.download(logged.uri, model)
            except NotFound as exc:
                raise NotFound(f"the files of '{logged.uri}' are gone", code="artifact_missing") from exc
            added = self._open(model, Path(name), lock_digest=lock_digest, run=run, script_name=script_name, log=log)
            if added:
                self.tracking.add_files(logged.uri, _only(model, added, Path(name) / "added"))

    def _open(
        self, model: Path, scratch: Path, *, lock_digest: str, run: RunFiles, script_name: str, log: LogLine
    ) -> set[str]:
        constraints = self.packaging.lock_text(lock_digest)
        added: set[str] = set()
        for number in count(1):
            trial = scratch / f"trial-{number}"
            trial.mkdir()
            failure = self.opening.open(model, trial, constraints=constraints, log=log)
            if failure is None:
                return added
            more = add_module(model, run, failure.module, script_name=script_name) if failure.module else []
            if not more or number == _MOST_TRIES:
                raise refuse(failure)
            log(f"added to the model's code, from the run's folder: {', '.join(more)}")
            added.update(more)
        raise AssertionError("every try ends or adds something")


def _only(model: Path, paths: set[str], place: Path) -> Path:
    """A folder with these files of the model alone."""
    for path in sorted(paths):
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model / path, target)
    return place
