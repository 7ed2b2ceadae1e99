"""Shows our models and versions in the tracker's registry: always what our tables say now, never what a message said.

So a message that comes late, twice or in another order than it was sent can do no harm. After it wrote, each call reads
our tables again, and writes again if they changed meanwhile: whoever writes last has seen the last state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.errors import Conflict, NotFound
from modelyard.mirror import store
from modelyard.mirror.domain import (
    VERSION_TAG,
    DriftKind,
    Link,
    desired_aliases,
    desired_version,
    is_mirror_of,
    is_mirror_of_deleted,
    model_drift,
    tracker,
    version_drift,
)
from modelyard.ports.registered_models import RegisteredModels, ShownVersion
from modelyard.registry.domain import Model, Version
from modelyard.registry.service import RegistryService

logger = structlog.get_logger()

_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class _State:
    """What our tables say of a model and of those of its versions that are looked at; None if it is not there."""

    model: Model | None
    versions: Mapping[int, Version]


class MirrorService:
    """The mirror's verbs. Every one can be repeated."""

    def __init__(self, *, database: Database, registry: RegistryService, registered: RegisteredModels) -> None:
        self._database = database
        self._registry = registry
        self._registered = registered

    def deliver(self, payload: Mapping[str, Any]) -> None:
        """Show what a message names; the outbox calls it. A payload without `version` names a whole model.

        What cannot be shown because the tracker has lost it is no message's fault: the reconciler reports it.
        """
        tenant_id, model_name = payload["tenant_id"], payload["model_name"]
        number = payload.get("version")
        for is_last in (False, True):
            try:
                self.show(tenant_id, model_name, None if number is None else int(number))
            except NotFound as exc:  # Perhaps only since somebody deleted something at this very moment.
                if is_last:
                    logger.warning("not mirrored", model=model_name, version=number, reason=exc.message)
            else:
                return

    def show(self, tenant_id: str, model_name: str, number: int | None = None) -> None:
        """Bring the model's description, tags and aliases up to date, and one version, or withdraw what was deleted.

        Raises:
            NotFound: the logged model behind a version is gone from the tracker.
            Unavailable: the tracker does not answer.
        """
        state = self._state(tenant_id, model_name, number)
        for _ in range(_ROUNDS):
            lost = self._write(tenant_id, model_name, number, state)
            written, state = state, self._state(tenant_id, model_name, number)
            if state == written:
                break
        else:
            raise Conflict(f"model '{model_name}' changes faster than it can be mirrored", code="mirror_outrun")
        for each, fault in lost.items():
            if number in (None, each):
                raise fault

    def drop_surplus(self, shown: ShownVersion) -> None:
        """Delete a version of the tracker's that is a second mirror, or of one of ours that was deleted."""
        logger.info("a surplus version is removed from the tracker", model=shown.name, number=shown.number)
        self._registered.drop_version(shown.name, shown.number)

    def release(self, connection: Connection, tenant_id: str, model_name: str, number: int) -> None:
        """Have the tracker's version stay although ours is deleted, in the transaction that deletes it."""
        store.release_link(connection, tenant_id, model_name, number)

    def _state(self, tenant_id: str, model_name: str, number: int | None) -> _State:
        owner = tracker(tenant_id)
        try:
            model = self._registry.model(owner, model_name)
        except NotFound:
            return _State(None, {})
        wanted = {number, model.production_version, model.staging_version} - {None}
        numbers = sorted(each for each in wanted if each is not None)
        return _State(model, self._registry.find_versions(owner, model_name, numbers))

    def _write(self, tenant_id: str, model_name: str, number: int | None, state: _State) -> dict[int, NotFound]:
        """Show a state. Gives the versions that cannot be, and why: they hold up none of the others."""
        name = self._registry.mirror_name(tenant_id, model_name)
        if state.model is not None and self._registered.model(name) is None:
            self._registered.make_model(name)
        shown: dict[int, int] = {}
        lost: dict[int, NotFound] = {}
        for version in state.versions.values():
            try:
                shown[version.version] = self._write_version(version, name)
            except NotFound as exc:
                lost[version.version] = exc
        if number is not None and number not in state.versions:
            self._withdraw(tenant_id, model_name, number, name)
        if state.model is None:
            self._withdraw_model(name)
        else:
            self._write_model(state.model, name, shown)
        return lost

    def _write_version(self, version: Version, name: str) -> int:
        """Show a version; gives its number in the tracker."""
        shown = self._ensure(version, name)
        for drift in version_drift(version, shown):
            if drift.kind is DriftKind.DESCRIPTION:
                self._registered.describe_version(name, shown.number, drift.expected or "")
            elif drift.kind is DriftKind.TAG and drift.key is not None:
                self._registered.tag_version(name, shown.number, drift.key, drift.expected)
            elif drift.kind is DriftKind.STAGE:
                self._registered.leave_stage(name, shown.number)
        return shown.number

    def _write_model(self, model: Model, name: str, numbers: Mapping[int, int]) -> None:
        """Show the model's own; `numbers` are the tracker's of our versions. An alias of a lost one points nowhere."""
        found = self._registered.model(name)
        if found is None:
            raise NotFound(f"The tracker has no model '{name}'.", code="not_tracked")
        for drift in model_drift(model, found):
            if drift.kind is DriftKind.DESCRIPTION:
                self._registered.describe_model(name, drift.expected or "")
            elif drift.kind is DriftKind.TAG and drift.key is not None:
                self._registered.tag_model(name, drift.key, drift.expected)
        for alias, version in desired_aliases(model).items():
            aim = None if version is None else numbers.get(version)
            if found.aliases.get(alias) != aim:
                self._registered.set_alias(name, alias, aim)

    def _ensure(self, version: Version, name: str) -> ShownVersion:
        """The tracker's version of ours, made if it is not there. Of two that two calls made at once, one goes."""
        with self._database.read() as connection:
            link = store.link_of(connection, version.tenant_id, version.model_name, version.version)
        if link is not None:
            shown = self._registered.version(link.tracker_name, link.tracker_version)
            if shown is not None and link.is_of(shown):
                return shown
        mirrors = self._mirrors(version, name) or self._registered_of(version, name)
        if not mirrors:
            desired = desired_version(version)
            self._registered.make_version(
                name,
                model_uri=version.model_uri,
                run_id=version.run_id,
                description=desired.description,
                tags=desired.tags,
            )
            mirrors = self._mirrors(version, name)
        if not mirrors:
            raise NotFound(f"The tracker has no model '{name}'.", code="not_tracked")
        with self._database.write() as connection:
            store.put_link(connection, _link(version, mirrors[0]))
        for surplus in mirrors[1:]:
            self.drop_surplus(surplus)
        return mirrors[0]

    def _mirrors(self, version: Version, name: str) -> Sequence[ShownVersion]:
        """Those of the tracker's versions that were made as mirrors of ours, and are of no other, by number."""
        tagged = self._registered.versions_tagged(name, VERSION_TAG, str(version.version))
        mirrors = [shown for shown in tagged if is_mirror_of(shown, version)]
        with self._database.read() as connection:
            links = [(shown, store.link_at(connection, shown)) for shown in mirrors]
        return [shown for shown, link in links if link is None or link.version == version.version]

    def _registered_of(self, version: Version, name: str) -> Sequence[ShownVersion]:
        """A version that a job's script has registered there itself, of the very model that became ours."""
        if version.job_id is None and version.provenance.job_id is None:
            return []
        for source in (version.model_uri, version.artifact_uri):
            for shown in self._registered.versions_of(name, source):
                with self._database.read() as connection:
                    is_free = VERSION_TAG not in shown.tags and store.link_at(connection, shown) is None
                if is_free:
                    return [shown]
        return []

    def _withdraw(self, tenant_id: str, model_name: str, number: int, name: str) -> None:
        """Take a deleted version's mirror away, unless it was released."""
        with self._database.read() as connection:
            link = store.link_of(connection, tenant_id, model_name, number)
        if link is None:
            for shown in self._registered.versions_tagged(name, VERSION_TAG, str(number)):
                with self._database.read() as connection:
                    is_linked = store.link_at(connection, shown) is not None
                if is_mirror_of_deleted(shown, number) and not is_linked:
                    self.drop_surplus(shown)
            return
        found = self._registered.version(link.tracker_name, link.tracker_version)
        if found is not None and link.is_of(found) and not link.is_released:
            self.drop_surplus(found)

    def _withdraw_model(self, name: str) -> None:
        """Take a deleted model's mirror away once no version is left there, ours or anybody's."""
        if self._registered.model(name) is not None and next(iter(self._registered.versions(name)), None) is None:
            self._registered.drop_model(name)


def _link(version: Version, shown: ShownVersion) -> Link:
    return Link(
        tenant_id=version.tenant_id,
        model_name=version.model_name,
        version=version.version,
        tracker_name=shown.name,
        tracker_version=shown.number,
        made_at=shown.made_at,
        is_released=False,
    )
