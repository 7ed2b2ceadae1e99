"""Edits what may change of models and versions: descriptions, tags, owners. Numbers, files and stages are not its."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from modelyard.access.domain import validate_subject
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Invalid, NotFound
from modelyard.outbox.service import Outbox
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry import store
from modelyard.registry.domain import MAX_VERSION, Model, Version, refuse_platform_tags
from modelyard.registry.search_index.rows import index_model, index_version_tags
from modelyard.registry.stages import MIRROR_TOPIC
from modelyard.revision import check_revision

MAX_TAGS = 100

AfterEdit = Callable[[Connection, Version], Version]
"""What follows an edit of a version in its own transaction; gives the version as it is afterwards."""


class Editing:
    """Each edit is one transaction: the row, what a search looks up, the audit entry and the mirror's message.

    A change that changes nothing writes nothing. `after_edit` follows each edit of a version.
    """

    def __init__(
        self, *, database: Database, clock: Clock, audit: AuditLog, outbox: Outbox, after_edit: AfterEdit
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._outbox = outbox
        self._after_edit = after_edit

    def edit_model(
        self,
        principal: Principal,
        name: str,
        *,
        description: str | None,
        tags: Mapping[str, str | None],
        owners: Sequence[str] | None,
        revision: int | None,
    ) -> Model:
        """Change a model. Of the tags, those with None go and the others are set; owners are given whole.

        Raises:
            NotFound: code `model_not_found`.
            Precondition: code `revision_changed`, when `revision` is given and is not the model's any more.
            Invalid: code `tags_invalid` or `subject_invalid`.
        """
        for index, owner in enumerate(owners or ()):
            validate_subject(owner, field=f"owners.{index}")
        with self._database.write() as connection:
            model = self._model(connection, principal, name, revision)
            after: dict[str, Any] = {
                "description": model.description if description is None else description,
                "tags": _merged(model.tags, tags),
                "owners": list(model.owners) if owners is None else list(dict.fromkeys(owners)),
            }
            before = {"description": model.description, "tags": dict(model.tags), "owners": list(model.owners)}
            if after == before:
                return model
            store.change_model(connection, principal.tenant_id, name, at=self._clock.now(), **after)
            index_model(connection, principal.tenant_id, name, tags=after["tags"], owners=after["owners"])
            self._audit.record(
                connection,
                principal=principal,
                action="model.edited",
                subject=model.subject,
                before=_changed(before, after),
                after=_changed(after, before),
            )
            self._announce(connection, principal, name, None)
            return self._model(connection, principal, name, None)

    def edit_version(
        self,
        principal: Principal,
        name: str,
        number: int,
        *,
        description: str | None,
        tags: Mapping[str, str | None],
        revision: int | None,
    ) -> Version:
        """Change a version. Of the tags, those with None go and the others are set.

        Raises:
            NotFound: code `version_not_found`.
            Precondition: code `revision_changed`, when `revision` is given and is not the version's any more.
            Invalid: code `tags_invalid`.
        """
        with self._database.write() as connection:
            store.lock_model(connection, principal.tenant_id, name)
            version = self._version(connection, principal, name, number)
            check_revision(revision, version.revision, subject=version.subject)
            before = {"description": version.description, "tags": dict(version.tags)}
            after: dict[str, Any] = {
                "description": version.description if description is None else description,
                "tags": _merged(version.tags, tags),
            }
            if after == before:
                return version
            store.touch_model(connection, principal.tenant_id, name, at=self._clock.now())
            if not store.change_version(connection, version, **after):
                raise AssertionError("nobody else writes a version whose model is held")
            index_version_tags(connection, principal.tenant_id, name, number, after["tags"])
            self._audit.record(
                connection,
                principal=principal,
                action="version.edited",
                subject=version.subject,
                before=_changed(before, after),
                after=_changed(after, before),
            )
            self._announce(connection, principal, name, number)
            return self._after_edit(connection, self._version(connection, principal, name, number))

    def _announce(self, connection: Connection, principal: Principal, name: str, number: int | None) -> None:
        """Have the tracker's mirror brought up to date: of a version, or without a number of the model."""
        payload = {"tenant_id": principal.tenant_id, "model_name": name, "version": number}
        self._outbox.put(connection, tenant_id=principal.tenant_id, topic=MIRROR_TOPIC, payload=payload)

    @staticmethod
    def _model(connection: Connection, principal: Principal, name: str, revision: int | None) -> Model:
        store.lock_model(connection, principal.tenant_id, name)
        model = store.find_model(connection, principal.tenant_id, name)
        if model is None:
            raise NotFound(f"there is no model '{name}'", code="model_not_found")
        check_revision(revision, model.revision, subject=model.subject)
        return model

    @staticmethod
    def _version(connection: Connection, principal: Principal, name: str, number: int) -> Version:
        version = None
        if 0 < number <= MAX_VERSION:
            version = store.find_version(connection, principal.tenant_id, name, number)
        if version is None:
            raise NotFound(f"model '{name}' has no version {number}", code="version_not_found")
        return version


def _merged(tags: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    refuse_platform_tags(change)
    merged = {key: value for key, value in {**tags, **change}.items() if value is not None}
    if len(merged) > max(MAX_TAGS, len(tags)):
        raise Invalid(f"tags: expected at most {MAX_TAGS} in all, got {len(merged)}", code="tags_invalid", field="tags")
    return merged


def _changed(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value != others[key]}
