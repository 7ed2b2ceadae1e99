"""The verbs on splits: set, remove, look. A roll-out holds the split of its model, and nobody else changes it then."""

from dataclasses import dataclass

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.errors import Conflict, NotFound
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService
from modelyard.revision import check_revision
from modelyard.traffic import store
from modelyard.traffic.book import TrafficBook
from modelyard.traffic.domain import Shadow, Split, Traffic, check_split


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A shadow, and what its answers are compared with."""

    shadow: Shadow
    answering: int
    """The version."""
    name: str | None
    """Of the comparison; None where answers are not compared."""


class TrafficService:
    """Splits of all tenants."""

    def __init__(self, *, database: Database, registry: RegistryService, book: TrafficBook) -> None:
        self._database = database
        self._registry = registry
        self._book = book

    def every(self) -> list[Traffic]:
        """All splits of all tenants, for the gateway's table of routes."""
        with self._database.read() as connection:
            return store.every(connection)

    def of_tenant(self, principal: Principal) -> list[Traffic]:
        """All splits of the caller's tenant."""
        with self._database.read() as connection:
            return store.of_tenant(connection, principal.tenant_id)

    def get(self, principal: Principal, model_name: str) -> Traffic:
        """The split of a model.

        Raises:
            NotFound: code `traffic_not_found`, when its requests are not divided.
        """
        with self._database.read() as connection:
            return _existing(store.find(connection, principal.tenant_id, model_name), model_name)

    def shadowed(self, principal: Principal, model_name: str) -> Shadowed:
        """The shadow of a model.

        Raises:
            NotFound: code `traffic_not_found`, or `shadow_not_found` when no version gets copies.
        """
        found = self.get(principal, model_name)
        if found.split.shadow is None:
            raise NotFound(f"no version of model '{model_name}' gets copies of requests", code="shadow_not_found")
        return Shadowed(found.split.shadow, found.split.answering, found.comparison)

    def set(self, principal: Principal, model_name: str, split: Split, *, revision: int | None, reason: str) -> Traffic:
        """Divide the requests of a model.

        Raises:
            Invalid: code `traffic_invalid`.
            NotFound: code `model_not_found` or `version_not_found`.
            Conflict: code `rollout_under_way`, or `version_deleting`.
            Precondition: code `revision_changed`.
        """
        check_split(split)
        with self._database.write() as connection:
            held = self._registry.lock_model(connection, principal, model_name)
            found = store.lock(connection, principal.tenant_id, model_name)
            _refuse_rollout(found)
            check_revision(revision, 0 if found is None else found.revision, subject=f"traffic/{held.name}")
            for version in sorted(split.versions):
                self._registry.get_not_deleting(connection, principal, model_name, version)
            return self._book.set(connection, principal, model_name, split, rollout_id=None, reason=reason)

    def remove(self, principal: Principal, model_name: str, *, revision: int | None, reason: str) -> None:
        """Divide a model's requests no more: all go to the version in production.

        Raises:
            NotFound: code `traffic_not_found`.
            Conflict, Precondition: as `set`.
        """
        with self._database.write() as connection:
            found = _existing(store.lock(connection, principal.tenant_id, model_name), model_name)
            _refuse_rollout(found)
            check_revision(revision, found.revision, subject=found.subject)
            self._book.remove(connection, principal, model_name, reason=reason)


def is_divided_by_hand(connection: Connection, tenant_id: str, model_name: str) -> bool:
    """Whether somebody has divided the requests of a model, and no roll-out did."""
    found = store.find(connection, tenant_id, model_name)
    return found is not None and found.rollout_id is None


def refuse_last_of_share(connection: Connection, tenant_id: str, model_name: str, version: int) -> None:
    """Refuse to take away the last server of a version that a split names: others would get its part without a word.

    Raises:
        Conflict: code `deployment_divided`.
    """
    found = store.find(connection, tenant_id, model_name)
    part = None if found is None else found.part_of(version)
    if found is None or part is None:
        return
    holder = (
        "divide them otherwise first (traffic)"
        if found.rollout_id is None
        else f"the roll-out '{found.rollout_id}' divides them: abort it first, or wait for its end"
    )
    raise Conflict(
        f"version {version} gets {part} of the requests of model '{model_name}' and is deployed nowhere else: {holder}",
        code="deployment_divided",
    )


def _existing(found: Traffic | None, model_name: str) -> Traffic:
    if found is None:
        raise NotFound(f"the requests of model '{model_name}' are not divided", code="traffic_not_found")
    return found


def _refuse_rollout(found: Traffic | None) -> None:
    if found is not None and found.rollout_id is not None:
        raise Conflict(
            f"the roll-out '{found.rollout_id}' divides the requests of model '{found.model_name}': abort it first, or "
            "wait for its end",
            code="rollout_under_way",
        )
