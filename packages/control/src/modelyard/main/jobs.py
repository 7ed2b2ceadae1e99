"""Puts the nouns of jobs together: the jobs, their secrets, uploads, and which process runs what."""

from collections.abc import Sequence

from modelyard.home import Home
from modelyard.http.routing import APIRouter
from modelyard.job_secrets.sealing import Seal
from modelyard.job_secrets.service import JobSecrets
from modelyard.job_secrets.settings import SecretsSettings
from modelyard.jobs.service import JobService
from modelyard.key_file import kept_key
from modelyard.leases.membership import Membership
from modelyard.main.adapters import opening
from modelyard.main.context import Context
from modelyard.main.kinds import JOB_KINDS
from modelyard.mlops.routes import job_routes
from modelyard.ports.stable_addresses import StableAddresses
from modelyard.registry.service import RegistryService
from modelyard.training.runs import RunLogsOfJobs
from modelyard.uploads.routes import upload_reads, upload_writes
from modelyard.uploads.service import UploadLimits, UploadService
from modelyard.uploads.workflows import Registering


class JobParts:
    """Jobs of all kinds, what they were sent, and this process among those that run them."""

    def __init__(self, context: Context) -> None:
        settings, adapters, database = context.settings, context.adapters, context.database
        self._context = context
        self.secrets = JobSecrets(database=database, seal=_seal(settings.secrets, settings.storage.places))
        self.jobs = JobService(
            database=database,
            clock=context.clock,
            engine=adapters.engine,
            audit=context.audit,
            folder=settings.storage.places.jobs,
            kinds=JOB_KINDS,
            run_logs=RunLogsOfJobs(tuple(adapters.runners.values())).of,
            at_end=self.secrets.forget,
        )
        engine = adapters.engine
        self.membership = Membership(leases=context.leases, working=engine.working, take_over=engine.take_over)
        self.uploads = UploadService(
            database=database,
            clock=context.clock,
            audit=context.audit,
            jobs=self.jobs,
            folder=settings.storage.places.uploads,
            limits=UploadLimits(max_bytes=settings.uploads.max_bytes, idle=settings.uploads.idle),
            disk=context.disk,
        )

    def registering(self, registry: RegistryService) -> Registering:
        """The steps that make a version of an upload."""
        adapters = self._context.adapters
        return Registering(
            jobs=self.jobs,
            registry=registry,
            tracking=adapters.tracking,
            uploads=self.uploads,
            opening=opening(self._context.settings, adapters),
        )

    def routes(self, addresses: StableAddresses) -> Sequence[APIRouter]:
        """The surfaces of jobs and uploads."""
        return [job_routes(self.jobs, addresses), upload_reads(self.uploads), upload_writes(self.uploads)]


def _seal(settings: SecretsSettings, home: Home) -> Seal:
    return Seal(kept_key(home.secrets_key_file) if settings.key is None else settings.key.get_secret_value())
