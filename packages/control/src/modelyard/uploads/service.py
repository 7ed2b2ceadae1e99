"""The verbs of uploads. Bytes are on the disk before their offset is in the database; the row says how far it is."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.disk import Disk
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService, owner_of
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal, Role
from modelyard.tracker_names import mirror_name
from modelyard.uploads import store
from modelyard.uploads.checks import check_piece, check_upload
from modelyard.uploads.domain import Upload, request_digest
from modelyard.uploads.kinds import REGISTRATION
from modelyard.uploads.pieces import Pieces
from modelyard.uploads.states import TRANSITIONS, UploadStatus

_SWEPT_AT_ONCE = 100
_WORK = ".work"


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """`max_bytes` of one upload, packed and unpacked; `idle` is how long one waits for its next piece."""

    max_bytes: int
    idle: timedelta


class UploadService:
    """Uploads of all tenants. `folder` holds a folder for each that is not closed."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        jobs: JobService,
        folder: Path,
        limits: UploadLimits,
        disk: Disk,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._folder = folder
        self.limits = limits
        self.disk = disk

    def create(
        self,
        principal: Principal,
        *,
        model_name: str,
        file_name: str,
        size: int,
        sha256: str,
        request: Mapping[str, Any],
    ) -> Upload:
        """Begin an upload. The same one, if its maker has it open, is given back with what has come of it.

        Raises:
            Invalid: the model's or the file's name, a tag of the platform's own, or a model in one file without
                requirements.
            TooLarge: code `upload_too_large`.
            Conflict: code `quota_exceeded`.
            DiskFull: there is no space for it.
        """
        check_upload(model_name, file_name, size=size, request=request, max_bytes=self.limits.max_bytes)
        self.sweep()
        self.disk.require(size, what="the upload")
        now = self._clock.now()
        upload = Upload(
            upload_id=f"up-{uuid4().hex}",
            tenant_id=principal.tenant_id,
            model_name=model_name,
            file_name=file_name,
            size=size,
            received=0,
            sha256=sha256,
            request=dict(request),
            status=UploadStatus.OPEN,
            job_id=None,
            created_by=principal.subject,
            created_at=now,
            expires_at=now + self.limits.idle,
        )
        digest = request_digest(model_name, file_name, size, sha256, request)
        with self._database.write() as connection:
            quotas = lock_quotas(connection, principal.tenant_id)
            if not store.add(connection, upload, digest=digest):
                found = store.find_open(connection, upload, digest=digest)
                if found is None:
                    raise Conflict("the same upload was just closed: begin again", code="upload_closed")
                return found
            quotas.check(Resource.UPLOAD_BYTES, lambda: store.open_bytes(connection, principal.tenant_id))
            self._record(connection, principal, "upload.opened", upload, after={"size": size, "sha256": sha256})
        return upload

    def get(self, principal: Principal, upload_id: str) -> Upload:
        """An upload of the caller's tenant.

        Raises:
            NotFound: code `upload_not_found`.
        """
        with self._database.read() as connection:
            return _theirs(store.find(connection, upload_id), principal, upload_id)

    def page(
        self, principal: Principal, *, status: UploadStatus | None, limit: int, cursor: str | None
    ) -> Page[Upload]:
        """Uploads of the caller's tenant, newest first."""
        with self._database.read() as connection:
            return store.page(connection, principal.tenant_id, status=status, limit=limit, cursor=cursor)

    def append(
        self, principal: Principal, upload_id: str, piece: bytes, *, offset: int, checksum: str | None = None
    ) -> Upload:
        """Add the piece that begins at `offset`. When this returns, it survives a crash.

        Raises:
            NotFound: code `upload_not_found`.
            Conflict: code `upload_not_open`, `upload_busy`, or `offset_mismatch`: the piece is not the next one.
            Invalid: code `checksum_mismatch`: it is not what its sender hashed; or it goes beyond the declared size.
        """
        check_piece(piece, checksum)
        pieces = self.pieces(self._open(principal, upload_id))
        with pieces.alone():
            upload = self._open(principal, upload_id)
            if offset != upload.received:
                raise Conflict(
                    f"Upload-Offset: expected {upload.received}, where the upload stands, got {offset}",
                    code="offset_mismatch",
                    field="Upload-Offset",
                )
            if offset + len(piece) > upload.size:
                raise Invalid(
                    f"body: expected at most {upload.size - offset} bytes more, got {len(piece)}",
                    code="upload_overrun",
                    field="body",
                )
            self.disk.require(len(piece), what="the piece")
            pieces.write(piece, offset=offset)
            with self._database.write() as connection:
                received, expires_at = offset + len(piece), self._clock.now() + self.limits.idle
                if not store.advance(connection, upload, received=received, expires_at=expires_at):
                    raise Conflict("the upload was closed meanwhile", code="upload_not_open")
        return self.get(principal, upload_id)

    def submit(self, principal: Principal, upload_id: str) -> Job:
        """Have the whole file checked, stored and registered by a job; a second call gives the same job.

        Raises:
            NotFound: code `upload_not_found`.
            Conflict: code `upload_incomplete` or `upload_not_open`.
        """
        upload = self.get(principal, upload_id)
        if upload.status is UploadStatus.OPEN and upload.expires_at <= self._clock.now():
            raise _not_open(upload)
        if upload.status is UploadStatus.OPEN and upload.received != upload.size:
            raise Conflict(
                f"the upload is not whole: {upload.received} of {upload.size} bytes have come", code="upload_incomplete"
            )
        if upload.status is UploadStatus.CLOSED and upload.job_id is None:
            raise _not_open(upload)
        # First the job, whose key makes it one however often we get here, then that the upload waits for it.
        job = self._jobs.create(
            principal,
            kind=REGISTRATION,
            model_name=upload.model_name,
            request={"upload_id": upload.upload_id},
            idempotency_key=f"upload:{upload.upload_id}",
            experiment_name=mirror_name(upload.tenant_id, upload.model_name),
        )
        with self._database.write() as connection:
            locked = _theirs(store.lock(connection, upload_id), principal, upload_id)
            if locked.status is UploadStatus.OPEN:
                self._move(connection, principal, locked, UploadStatus.SUBMITTED, job_id=job.job_id)
        return job

    def close(self, principal: Principal, upload_id: str) -> Upload:
        """Give an open upload up, and remove its bytes.

        Raises:
            NotFound: code `upload_not_found`.
            Conflict: code `upload_not_open`.
        """
        upload = self._open(principal, upload_id)
        with self._database.write() as connection:
            locked = _theirs(store.lock(connection, upload_id), principal, upload_id)
            if locked.status is not UploadStatus.OPEN:
                raise _not_open(locked)
            self._move(connection, principal, locked, UploadStatus.CLOSED, reason="given up")
        self.pieces(upload).remove()
        return self.get(principal, upload_id)

    def make_pass(self) -> bool:
        """Sweep in the background; whether there is more to do at once."""
        return self.sweep() == _SWEPT_AT_ONCE

    def sweep(self) -> int:
        """Close the uploads that nobody went on with; gives how many."""
        with self._database.read() as connection:
            expired = store.expired(connection, now=self._clock.now(), limit=_SWEPT_AT_ONCE)
        for upload in expired:
            with self._database.write() as connection:
                locked = store.lock(connection, upload.upload_id)
                if locked is None or locked.status is not UploadStatus.OPEN or locked.received != upload.received:
                    continue
                owner = Principal(tenant_id=upload.tenant_id, subject="modelyard", role=Role.DEVELOPER)
                self._move(connection, owner, locked, UploadStatus.CLOSED, reason="expired")
            self.pieces(upload).remove()
        return len(expired)

    def sweep_folder(self) -> int:
        """Remove what lies here of uploads that are closed: whoever closed one died before it removed its bytes."""
        places = [path for path in self._folder.glob("up-*") if path.is_dir()]
        with self._database.read() as connection:
            living = store.living(connection, {_upload_of(path) for path in places})
        dead = [path for path in places if _upload_of(path) not in living]
        for path in dead:
            shutil.rmtree(path, ignore_errors=True)
        return len(dead)

    # What the job calls.

    def of_job(self, job: Job) -> Upload:
        """The upload that a job registers."""
        return self.get(owner_of(job), str(job.request["upload_id"]))

    def pieces(self, upload: Upload) -> Pieces:
        """Where the upload's bytes are."""
        return Pieces(self._folder / upload.upload_id)

    def finish(self, job: Job) -> None:
        """Close the upload of a job that has ended, and remove its bytes. Safe to repeat.

        The bytes go first: what is written down afterwards may need their space.
        """
        upload = self.of_job(job)
        self.pieces(upload).remove()
        shutil.rmtree(self.workplace(upload), ignore_errors=True)
        with self._database.write() as connection:
            locked = store.lock(connection, upload.upload_id)
            if locked is not None and locked.status is not UploadStatus.CLOSED:
                self._move(connection, owner_of(job), locked, UploadStatus.CLOSED, job_id=job.job_id)

    def workplace(self, upload: Upload) -> Path:
        """Where the upload is unpacked."""
        return self._folder / f"{upload.upload_id}{_WORK}"

    def _open(self, principal: Principal, upload_id: str) -> Upload:
        upload = self.get(principal, upload_id)
        if upload.status is not UploadStatus.OPEN or upload.expires_at <= self._clock.now():
            raise _not_open(upload)
        return upload

    def _move(
        self,
        connection: Connection,
        principal: Principal,
        upload: Upload,
        status: UploadStatus,
        *,
        reason: str = "",
        **values: Any,
    ) -> None:
        """The one place where an upload's status changes."""
        if status not in TRANSITIONS[upload.status]:
            raise _not_open(upload)
        store.move(connection, upload.upload_id, status, **values)
        self._record(
            connection,
            principal,
            f"upload.{status}",
            upload,
            reason=reason,
            before={"status": upload.status},
            after={"status": status},
        )

    def _record(self, connection: Connection, principal: Principal, action: str, upload: Upload, **states: Any) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=upload.subject, **states)


def _upload_of(place: Path) -> str:
    return place.name.removesuffix(_WORK)


def _theirs(upload: Upload | None, principal: Principal, upload_id: str) -> Upload:
    if upload is None or upload.tenant_id != principal.tenant_id:
        raise NotFound(f"there is no upload '{upload_id}'", code="upload_not_found")
    return upload


def _not_open(upload: Upload) -> Conflict:
    state = "expired" if upload.status is UploadStatus.OPEN else str(upload.status)
    return Conflict(f"the upload '{upload.upload_id}' takes nothing more: it is {state}", code="upload_not_open")
