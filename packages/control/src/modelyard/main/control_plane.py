"""One process of the control plane: its nouns, the surface over them, and what works in the background."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from modelyard.audit.routes import audit_routes, production_routes
from modelyard.disk import DiskWatch
from modelyard.http.app import create_app
from modelyard.leases.service import FORGET_SECONDS
from modelyard.main.adapters import Adapters
from modelyard.main.catalogue import Catalogue
from modelyard.main.doors import Doors
from modelyard.main.ground import Ground
from modelyard.main.hooks import Hooks
from modelyard.main.removal import Removal
from modelyard.main.work import RECONCILE_SECONDS, Work
from modelyard.mirror.import_job import Importing
from modelyard.mirror.parts import mirror_parts
from modelyard.mirror.routes import mirror_routes
from modelyard.outbox import service as outbox
from modelyard.projects.routes import PREFIX as PROJECTS
from modelyard.registry.at_once import CatalogueAtOnce
from modelyard.registry.stages import MIRROR_TOPIC
from modelyard.settings import Settings


class ControlPlane:
    """All nouns of one process. Nothing works in the background before `start`."""

    def __init__(self, settings: Settings, adapters: Adapters) -> None:
        self._settings = settings
        self._adapters = adapters
        ground = Ground.of(settings, adapters)
        self.database, self.audit, self.outbox, self.scratch = (
            ground.database,
            ground.audit,
            ground.outbox,
            ground.scratch,
        )
        self._disk = ground.disk
        self._disk_watch = DiskWatch(ground.disk)
        self.leases = ground.leases
        self.doors = doors = Doors(ground)
        self.access, self.tokens, self.members = doors.access, doors.tokens, doors.members
        self.catalogue = catalogue = Catalogue(ground)
        self.registry, self.promotion, self.policies = catalogue.registry, catalogue.promotion, catalogue.policies
        self.work = work = Work(ground, catalogue)
        catalogue.registration.ask_uploads(lambda caller, upload_id: work.uploads.get(caller, upload_id).job_id)
        self.jobs, self.packaging, self.deployments = work.jobs, work.packaging, work.deployments
        self.mirror = mirror_parts(
            database=self.database,
            clock=ground.clock,
            registry=self.registry,
            registered=adapters.registered,
            audit=self.audit,
            tenants=doors.tenants,
            all_seconds=settings.mirror.all_seconds,
        )
        self.importing = Importing(jobs=self.jobs, reconciliation=self.mirror.reconciliation)
        self.removal = Removal(ground, catalogue, work, self.mirror.service)
        self.hooks = Hooks(ground)
        self.outbox.deliver_with(MIRROR_TOPIC, self.mirror.service.deliver)
        doors.keep_tenants_that_have(self.jobs.unfinished_within, self.deployments.wanted_within)
        target = adapters.target.name
        self.background = [
            ground.in_background(f"reconciler/{target}", work.reconciler.make_pass, pause_seconds=RECONCILE_SECONDS),
            ground.in_background("leases", self.leases.forget, pause_seconds=FORGET_SECONDS),
            ground.in_background("outbox", self.outbox.make_pass, pause_seconds=outbox.PAUSE_SECONDS),
            ground.in_background("mirror", self.mirror.reconciler.make_pass, pause_seconds=settings.mirror.seconds),
            ground.in_background(
                "purge", self.removal.purger.make_pass, pause_seconds=settings.deletion.purge_interval_seconds
            ),
        ]
        adapters.engine.register(work.workflows(self.removal.deleting, self.importing))

    def app(self) -> FastAPI:
        """The management API, which starts the background work with itself."""

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            await to_thread.run_sync(self.start)
            # What is there now stays. Looking through it for garbage, again and again, was an eighth of a read's time.
            gc.freeze()
            yield
            gc.unfreeze()
            await to_thread.run_sync(self.stop)

        return create_app(
            access=self.access,
            database=self.database,
            sources=self._settings.http.trusted_sources,
            streamed={f"{PROJECTS}/": self._settings.projects.max_bytes},
            keep_seconds=self._settings.registry.cache_ttl_seconds,
            tell=CatalogueAtOnce(self.catalogue.reading),
            routers=[
                *self.catalogue.routes(),
                *self.work.routes(),
                mirror_routes(self.mirror.reconciliation, self.importing),
                *self.doors.routes(),
                *self.hooks.routes(),
                audit_routes(self.audit),
                production_routes(self.audit),
                *self.removal.routes(),
            ],
            is_ready=self.work.platform.is_ready,
            why_full=self._disk.fullness,
            lifespan=lifespan,
        )

    def start(self) -> None:
        """Bring the schema up to date, make the first token, and begin the background work."""
        self._disk_watch.start()
        self.database.migrate()
        self.doors.make_first_token()
        self.scratch.sweep()
        self.work.uploads.sweep_folder()
        self.work.projects.sweep()
        self.leases.start()
        self._adapters.engine.start()
        self.work.membership.start()
        self.jobs.resume()
        self.work.uploads.sweep()
        for work in self.background:
            work.start()
        self.hooks.courier.start()

    def stop(self) -> None:
        """End the background work; jobs go on in the next process."""
        self.hooks.courier.stop()
        for work in reversed(self.background):
            work.stop()
        self.work.reconciler.stop()
        self.work.replica_watch.stop()
        self.work.membership.stop()
        self._adapters.engine.stop()
        self._disk_watch.stop()
        self.leases.stop()
        self.database.close()
