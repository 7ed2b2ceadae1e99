"""Takes over what people registered in the tracker: each of its versions becomes one version of ours, once.

The link between the two is written in the transaction that makes ours, and is unique on both sides: so neither a crash
nor two that import at once make a second one. That the tracker's version carries our marks is the mirror's work after.
"""

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Kind, ModelyardError, NotFound
from modelyard.mirror import store
from modelyard.mirror.domain import Link, Refusal, is_copy, wait_after
from modelyard.mirror.places import Place
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock
from modelyard.ports.registered_models import RegisteredModels, ShownModel, ShownVersion
from modelyard.ports.tracking import NOT_TRACKED, LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version, user_tags
from modelyard.registry.ownership import JOB_RUNNING
from modelyard.registry.provenance import Provenance, Source
from modelyard.registry.service import RegistryService
from modelyard.registry.version_creation import ExternalRegistration

_ALREADY = "already_imported"
_PASSING = frozenset({Kind.UNAVAILABLE, Kind.BUSY})


class Imports:
    """Imports single versions."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        registry: RegistryService,
        registered: RegisteredModels,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._registered = registered
        self._audit = audit

    def is_due(self, shown: ShownVersion) -> bool:
        """Whether it was never refused, or long enough ago."""
        with self._database.read() as connection:
            refusal = store.find_refusal(connection, shown)
        return refusal is None or refusal.next_attempt_at <= self._clock.now()

    def take(self, principal: Principal, place: Place, shown: ShownVersion) -> Version | None:
        """Register it as the next version of ours. None if somebody else just did.

        Raises:
            ModelyardError: why it cannot be; kept as a refusal, unless it passes by itself.
        """
        model = self._registered.model(shown.name)
        try:
            version = self._register(principal, place, shown, model)
        except ModelyardError as exc:
            if exc.code == _ALREADY:
                return None
            if exc.kind not in _PASSING and exc.code != JOB_RUNNING:
                self._refuse(shown, exc)
            raise
        with self._database.write() as connection:
            store.drop_refusal(connection, shown)
        return version

    def _register(self, principal: Principal, place: Place, shown: ShownVersion, model: ShownModel | None) -> Version:
        def note(connection: Connection, version: Version) -> None:
            link = Link(
                tenant_id=place.tenant_id,
                model_name=place.model_name,
                version=version.version,
                tracker_name=shown.name,
                tracker_version=shown.number,
                made_at=shown.made_at,
                is_released=False,
            )
            if not store.add_link(connection, link):
                raise Conflict(f"version {shown.number} of '{shown.name}' is imported already", code=_ALREADY)
            self._audit.record(
                connection,
                principal=principal,
                action="version.imported",
                subject=version.subject,
                after={"mlflow_name": shown.name, "mlflow_version": shown.number, "source": plain_text(shown.source)},
            )

        external = ExternalRegistration(
            model_description=model.description if model else "",
            model_tags=user_tags(model.tags) if model else {},
            mirror_name=shown.name,
            note=note,
        )
        try:
            logged = self._registered.logged_model(shown)
            if not is_copy(shown):
                self._refuse_made_by_job(place, shown, logged)
            return self._registry.register(
                principal,
                model_name=place.model_name,
                logged=logged,
                description=shown.description,
                tags=shown.tags,
                provenance=Provenance(source=Source.IMPORT),
                external=external,
            )
        except NotFound as exc:
            if exc.code != NOT_TRACKED:
                raise
            # The same words, whether it is gone or another tenant's.
            raise NotFound(
                f"the tracker has no logged model behind '{plain_text(shown.source)[:200]}'", code=NOT_TRACKED
            ) from exc

    def _refuse_made_by_job(self, place: Place, shown: ShownVersion, logged: LoggedModel) -> None:
        """What a job's script logs becomes a version by its job, or by hand; that the script registers it is no import.

        Raises:
            Conflict: code `already_imported`, when it is that version, which the mirror shows there or will;
                `registered_twice`, when another one of the tracker's shows it; `job_running`; else `registered_by_job`.
        """
        job_id = self._registry.job_of(logged)
        if job_id is None:
            return
        self._registry.refuse_running(job_id)
        made = self._registry.version_of(place.tenant_id, place.model_name, logged.uri)
        if made is not None and (mirror := self._other_mirror(made, shown)) is not None:
            raise Conflict(
                f"it is version {made.version} of '{made.model_name}', which MLflow's version {mirror.number} of "
                f"'{mirror.name}' shows already: the script registered its model twice. Delete this one in MLflow",
                code="registered_twice",
            )
        if made is not None:
            raise Conflict(f"it is version {made.version} of '{made.model_name}'", code=_ALREADY)
        raise Conflict(
            f"the script of job '{job_id}' registered it, and what a script logs becomes a version by its job alone: "
            f"register it with POST /mlops/registry (job_id, and model_name '{place.model_name}')",
            code="registered_by_job",
        )

    def _other_mirror(self, version: Version, shown: ShownVersion) -> ShownVersion | None:
        """The tracker's version that shows ours, if it is there and is not this one."""
        with self._database.read() as connection:
            link = store.link_of(connection, version.tenant_id, version.model_name, version.version)
        if link is None or link.is_of(shown):
            return None
        mirror = self._registered.version(link.tracker_name, link.tracker_version)
        return mirror if mirror is not None and link.is_of(mirror) else None

    def _refuse(self, shown: ShownVersion, exc: ModelyardError) -> None:
        with self._database.write() as connection:
            earlier = store.find_refusal(connection, shown)
            attempts = 1 if earlier is None else earlier.attempts + 1
            refusal = Refusal(
                tracker_name=shown.name,
                tracker_version=shown.number,
                made_at=shown.made_at,
                code=exc.code,
                reason=exc.message,
                attempts=attempts,
                next_attempt_at=self._clock.now() + wait_after(attempts),
            )
            store.put_refusal(connection, refusal)
