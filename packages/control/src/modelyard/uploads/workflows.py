"""The steps from a whole upload to a version: check, unpack, open as its server will, store in the tracker, register.

Nothing is loaded in this process. What cannot be opened never gets into the tracker, so it leaves nothing there.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelyard.errors import Conflict, Invalid
from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.packaging.opening import ModelOpening, refuse
from modelyard.plain import plain_json
from modelyard.ports.tracking import Tracking
from modelyard.registry.domain import Manifest, check_manifest, manifest_difference
from modelyard.registry.files import manifest_of, sha256_of
from modelyard.registry.mlmodel import read_signature
from modelyard.registry.provenance import Provenance, Source
from modelyard.registry.service import RegistryService
from modelyard.tracker_names import mirror_name
from modelyard.uploads.domain import Upload, flavors_of
from modelyard.uploads.kinds import REGISTRATION, Phase
from modelyard.uploads.service import UploadService
from modelyard.uploads.sidecars import CONFIG, NO_SIDECARS, read_sidecars
from modelyard.uploads.unpack import unpack

_LISTED = 10


@dataclass(frozen=True, slots=True)
class Registering:
    """What the steps of a registration need."""

    jobs: JobService
    registry: RegistryService
    tracking: Tracking
    uploads: UploadService
    opening: ModelOpening

    @property
    def work(self) -> JobWork:
        """What the job of an upload does."""
        return JobWork(REGISTRATION, self.register, self.give_up)

    def register(self, steps: JobSteps) -> Result:
        """From bytes to version: gives `model_version`."""
        job = steps.job
        steps.enter(Phase.REGISTERING)
        stored = steps.run("store", lambda: self._store(job))
        registered = steps.run("register", lambda: self._register(job, stored))
        steps.run("clean", lambda: self._clean(job))
        return registered

    def give_up(self, job: Job) -> None:
        """Remove the bytes of a job that failed or was cancelled."""
        self.uploads.finish(job)

    def _store(self, job: Job) -> Result:
        """Check, unpack and open the file, and copy it to the tracker, under a key that makes it one model there."""
        upload = self.uploads.of_job(job)
        folder = self.uploads.workplace(upload)
        shutil.rmtree(folder, ignore_errors=True)  # Of a step that was cut off.
        folder.mkdir(mode=0o700, parents=True)
        self._say(job, f"checking {upload.file_name}: {upload.size} bytes")
        self._check(upload)
        model = folder / "model"
        model.mkdir()
        self._lay_out(upload, model)
        manifest = manifest_of(model)
        check_manifest(manifest)
        read_signature(model)
        metadata = self._read_sidecars(job, upload, model)
        self._open(job, model, folder / "trial", manifest)
        self.uploads.disk.require(manifest.size, what="storing the model")
        self._say(job, f"storing {len(manifest.files)} files, {manifest.size} bytes")
        stored = self.tracking.store_model(
            model,
            key=upload.upload_id,
            name=upload.model_name,
            experiment_name=mirror_name(upload.tenant_id, upload.model_name),
            parameters={name: str(value) for name, value in upload.request.get("parameters", {}).items()},
        )
        return {"model_uri": stored.uri, "manifest": manifest.digest, **metadata}

    def _open(self, job: Job, model: Path, scratch: Path, manifest: Manifest) -> None:
        """Open the model in the environment that its deployment would have: its own requirements, and where it names
        none the server's of its format. It was trained elsewhere, so there is no lock besides.
        """
        scratch.mkdir()
        failure = self.opening.open(model, scratch, constraints="", log=lambda line: self._say(job, line))
        if failure is not None:
            raise refuse(failure)
        if different := manifest_difference(manifest, manifest_of(model)):  # The model's code ran beside its files.
            raise Invalid(
                f"the model changes its own files when it is opened: {', '.join(different[:_LISTED])}",
                code="model_not_openable",
            )

    def _read_sidecars(self, job: Job, upload: Upload, model: Path) -> Result:
        """What the archive says of itself, in JSON; what was said when the upload was begun goes before it."""
        sidecars = read_sidecars(model) if upload.is_archive else NO_SIDECARS
        if sidecars.left:
            names = ", ".join(sidecars.left[:_LISTED])
            self._say(job, f"{CONFIG}: no plain values, so recorded in the file only: {names}")
        return {
            "parameters": plain_json({**sidecars.parameters, **upload.request.get("parameters", {})}),
            "metrics": plain_json({**sidecars.metrics, **upload.request.get("metrics", {})}),
        }

    def _check(self, upload: Upload) -> None:
        file = self.uploads.pieces(upload).file
        if not file.is_file():
            raise Conflict("the uploaded bytes are not on this machine any more", code="upload_lost")
        if (found := sha256_of(file)) != upload.sha256:
            raise Invalid(
                f"sha256: the file has {found}, not {upload.sha256} as declared: upload it again",
                code="upload_corrupted",
                field="sha256",
            )

    def _lay_out(self, upload: Upload, model: Path) -> None:
        """An MLflow model's folder: the archive's, or one around a model that is one file."""
        file = self.uploads.pieces(upload).file
        if upload.is_archive:
            limit = self.uploads.limits.max_bytes
            unpack(file, model, name=upload.file_name, max_bytes=limit, disk=self.uploads.disk)
            return
        self.uploads.disk.require(upload.size, what="a copy of the model")
        shutil.copyfile(file, model / upload.file_name)
        (model / "MLmodel").write_text(
            yaml.safe_dump({"flavors": flavors_of(upload.file_name)}, sort_keys=False), encoding="utf-8"
        )
        if requirements := upload.request.get("requirements"):
            (model / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")

    def _register(self, job: Job, stored: Result) -> Result:
        upload = self.uploads.of_job(job)
        request: Any = upload.request
        version = self.registry.register(
            owner_of(job),
            model_name=job.model_name,
            logged=self.tracking.logged_model(stored["model_uri"]),
            description=request.get("description", ""),
            tags=request.get("tags", {}),
            metrics=stored["metrics"],
            parameters=stored["parameters"],
            job_id=job.job_id,
            provenance=Provenance(source=Source.UPLOAD, archive_sha256=upload.sha256),
        )
        self._say(job, f"registered version {version.version} of '{version.model_name}'")
        return {"model_version": version.version}

    def _clean(self, job: Job) -> Result:
        self.uploads.finish(job)
        return {}

    def _say(self, job: Job, line: str) -> None:
        self.jobs.log(job.job_id).write(AFTER_RUN, line)
