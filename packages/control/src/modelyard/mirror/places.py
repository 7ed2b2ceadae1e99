"""Where to look: the models of a tenant, then the registered models in the tracker that would be its own, by pages."""

from dataclasses import dataclass

from modelyard.access.tenants import Tenants
from modelyard.errors import Invalid, NotFound
from modelyard.naming import MAX_NAME, short_digest, valid_name
from modelyard.paging import Page, decode_cursor, encode_cursor
from modelyard.ports.registered_models import RegisteredModels
from modelyard.principals import FIRST_TENANT, Principal
from modelyard.registry.service import RegistryService
from modelyard.tracker_names import MAX_MIRROR_NAME, mirror_name, model_of_mirror

_OURS, _THEIRS = "ours", "theirs"


@dataclass(frozen=True, slots=True)
class Place:
    """A model, ours or not yet. With a `fault` the tracker's name is none that we can keep."""

    tenant_id: str
    model_name: str
    tracker_name: str
    fault: str | None = None


class Places:
    """Lists places."""

    def __init__(self, *, registry: RegistryService, registered: RegisteredModels, tenants: Tenants) -> None:
        self._registry = registry
        self._registered = registered
        self._tenants = tenants

    def page(self, owner: Principal, *, limit: int, cursor: str | None) -> Page[Place]:
        """First our models, then those of the tracker that we do not have. A page may be short before the end.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        side, after = decode_cursor(cursor, parts=2) if cursor is not None else (_OURS, "")
        if side not in {_OURS, _THEIRS}:
            raise Invalid(
                "cursor: expected the next_cursor of an earlier page, got something else",
                code="cursor_invalid",
                field="cursor",
            )
        if side == _OURS:
            models = self._registry.models(owner, limit=limit, cursor=after or None)
            places = [Place(owner.tenant_id, model.name, model.mirror_name) for model in models.items]
            after_them = (_OURS, models.next_cursor) if models.next_cursor else (_THEIRS, "")
            return Page(places, encode_cursor(*after_them))
        prefix = "" if owner.tenant_id == FIRST_TENANT else mirror_name(owner.tenant_id, "")
        shown = self._registered.page(prefix=prefix, cursor=after or None, limit=limit)
        found = [self.of(model.name) for model in shown.models]
        strangers = [place for place in found if place.tenant_id == owner.tenant_id and not self._is_ours(owner, place)]
        return Page(strangers, encode_cursor(_THEIRS, shown.next_cursor) if shown.next_cursor else None)

    def of(self, tracker_name: str) -> Place:
        """The place behind a name in the tracker. What no tenant's name begins is the first tenant's."""
        known = self._registry.find_by_mirror_name(tracker_name)
        if known is not None:
            return Place(*known, tracker_name)
        tenant_id, model_name = model_of_mirror(tracker_name)
        if tenant_id == FIRST_TENANT or not model_name or not self._is_tenant(tenant_id):
            tenant_id, model_name = FIRST_TENANT, tracker_name
        fault = None
        if len(tracker_name) > MAX_MIRROR_NAME:
            fault = f"its name has {len(tracker_name)} characters, expected at most {MAX_MIRROR_NAME}"
        return Place(tenant_id, self._free_name(tenant_id, model_name), tracker_name, fault)

    def _free_name(self, tenant_id: str, name: str) -> str:
        """A name for a model of ours: another one where we would not take it, or have such a model already."""
        taken = valid_name(name, otherwise="model")
        if not self._registry.was_name_used(tenant_id, taken):
            return taken
        digest = short_digest(name)
        return f"{taken[: MAX_NAME - 1 - len(digest)]}-{digest}"

    def _is_ours(self, owner: Principal, place: Place) -> bool:
        if place.fault is not None:
            return False
        try:
            self._registry.model(owner, place.model_name)
        except NotFound:
            return False
        return True

    def _is_tenant(self, tenant_id: str) -> bool:
        try:
            self._tenants.get(tenant_id)
        except NotFound:
            return False
        return True
