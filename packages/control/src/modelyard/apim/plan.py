"""What differs between what is wanted of Azure API Management and what it has, and what a push does about it. Pure.

A resource without our mark is never changed or deleted. One of ours that is wanted no more is deleted only by a push
that prunes; a revision that was taken offline goes at once, as it must not answer.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from xml.etree.ElementTree import ParseError, canonicalize

from modelyard.apim.domain import (
    WRITE_ONLY,
    Mark,
    Refusal,
    Resource,
    Skipped,
    Wanted,
    located,
    mark_of,
    marked,
    revision_of,
)
from modelyard.apim.translation import release_name, release_properties
from modelyard.ports.api_management import ResourceKind, ResourceName, StoredResource

_ABSENT = "(absent)"
_SHARED = frozenset({"displayName", "path", "protocols", "apiVersion", "apiVersionSetId", "subscriptionRequired"})
"""Fields of an API that all its revisions have together, and that only the current one changes."""
_DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "subscriptionRequired": True,
    "approvalRequired": False,
    "subscriptionKeyParameterNames": {"header": "Ocp-Apim-Subscription-Key", "query": "subscription-key"},
}
"""What the service has where we say nothing."""


_MADE_IN_ORDER = tuple(ResourceKind)
_DELETED_IN_ORDER = (
    ResourceKind.PRODUCT_POLICY,
    ResourceKind.PRODUCT_API,
    ResourceKind.PRODUCT,
    ResourceKind.API_POLICY,
    ResourceKind.API,
    ResourceKind.VERSION_SET,
)
"""What belongs to one of these goes with it. Releases are the service's history, and stay."""


class Action(StrEnum):
    """What a push does about a resource."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    DELETE = "delete"
    SURPLUS = "surplus"
    """Ours, and wanted no more: a push that prunes deletes it."""
    FOREIGN = "foreign"
    """Somebody else's: it stays."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A property that is not as it shall be."""

    field: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class Step:
    """One resource."""

    action: Action
    name: ResourceName
    differences: Sequence[Difference] = ()
    resource: Resource | None = None
    """What is put; of CREATE and UPDATE."""

    @property
    def is_drift(self) -> bool:
        """Whether Azure does not have what the gateway says."""
        return self.action is not Action.UNCHANGED and self.action is not Action.FOREIGN


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in the order in which they are made."""

    steps: Sequence[Step]
    refusals: Sequence[Refusal] = ()
    skipped: Sequence[Skipped] = ()

    @property
    def changes(self) -> Sequence[Step]:
        """What a push does."""
        return [step for step in self.steps if step.action in (Action.CREATE, Action.UPDATE, Action.DELETE)]

    @property
    def digest(self) -> str:
        """Of what it does: a push that names it makes what was shown, or nothing."""
        content = [
            [step.action, step.name.title, [[each.field, each.wanted, each.found] for each in step.differences]]
            for step in self.changes
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Stored:
    """What the service has."""

    resources: Mapping[ResourceName, StoredResource]

    @property
    def current(self) -> Mapping[str, int]:
        """The current revision of each API."""
        found = {}
        for name, each in self.resources.items():
            if name.kind is ResourceKind.API and revision_of(name)[1] is None:
                found[name.names[0]] = int(each.properties.get("apiRevision") or 1)
        return found

    def owners(self, api_id: str) -> set[str | None]:
        """Which installations wrote revisions of an API; None is among them where one bears no mark."""
        marks = (
            mark_of(name.kind, each.properties)
            for name, each in self.resources.items()
            if name.kind is ResourceKind.API and revision_of(name)[0] == api_id
        )
        return {None if mark is None else mark.installation for mark in marks}

    def mark(self, name: ResourceName) -> Mark | None:
        """The mark of a resource, or of the one that it belongs to."""
        stored = self.resources.get(name)
        found = None if stored is None else mark_of(name.kind, stored.properties)
        return self.mark(name.parent) if found is None and name.parent is not None else found


def plan_of(wanted: Wanted, stored: Stored, *, installation: str, prunes: bool, adopts: bool = False) -> Plan:
    """What a push does.

    Args:
        wanted: what the gateway says.
        stored: what the service has.
        installation: whose mark the resources carry.
        prunes: whether what is ours and wanted no more is deleted.
        adopts: whether a resource without a mark that has the name of one of ours becomes ours.
    """
    at = {**wanted.first, **stored.current}
    steps: list[Step] = []
    refusals = list(wanted.refusals)
    planned: set[ResourceName] = set()
    resources = sorted((located(marked(each, installation), at) for each in wanted.resources), key=_rank)
    for resource in _agreeing(resources, stored):
        planned.add(resource.name)
        owners = _owners(resource.name, stored)
        if not adopts and owners and installation not in owners:
            refusals.append(Refusal(resource.name.title, "name", _taken(owners)))
            continue
        steps.append(_step(resource, stored))
    steps += _restored(wanted, stored, planned)
    steps += _unwanted(wanted, stored, planned, installation=installation, prunes=prunes)
    return Plan(steps, refusals, wanted.skipped)


def _rank(resource: Resource) -> tuple[int, bool]:
    """What others need comes first: the current revision, then those that must agree with it, and releases at last."""
    is_other = resource.name.kind is ResourceKind.API and revision_of(resource.name)[1] is not None
    return _MADE_IN_ORDER.index(resource.name.kind), is_other


def _owners(name: ResourceName, stored: Stored) -> set[str | None]:
    """Who wrote what has this name in the service; nobody where it has none, or it belongs to another resource."""
    if name.kind is ResourceKind.API:
        return stored.owners(revision_of(name)[0])
    if name.parent is not None or name not in stored.resources:
        return set()
    mark = stored.mark(name)
    return {None if mark is None else mark.installation}


def _taken(owners: set[str | None]) -> str:
    named = sorted(owner for owner in owners if owner is not None)
    whose = f"the installation '{named[0]}' wrote it" if named else "Modelyard did not write it"
    return f"Azure API Management has one of this name, and {whose}: choose another id, or push with adopt"


def _step(resource: Resource, stored: Stored) -> Step:
    found = stored.resources.get(resource.name)
    if found is None:
        return Step(Action.CREATE, resource.name, resource=resource)
    differences = list(_differences(resource, found)) if resource.is_compared else []
    if not differences:
        return Step(Action.UNCHANGED, resource.name)
    return Step(Action.UPDATE, resource.name, differences, resource)


def _agreeing(resources: Sequence[Resource], stored: Stored) -> Iterator[Resource]:
    """Where a revision that is none of ours is current, ours have of the shared fields what that one has.

    The service takes no other there; ours are written once one of ours is current again.
    """
    names = {resource.name for resource in resources}
    for resource in resources:
        base = replace(resource.name, names=(revision_of(resource.name)[0],))
        if resource.name.kind is ResourceKind.API and base not in names and base in stored.resources:
            found = stored.resources[base].properties
            shared = {name: found[name] for name in _SHARED if found.get(name) is not None}
            yield replace(resource, properties={**resource.properties, **shared})
        else:
            yield resource


def _differences(resource: Resource, found: StoredResource) -> Iterator[Difference]:
    """By property, those that only a write knows left out: their digest stands in the mark."""
    is_other_revision = resource.name.kind is ResourceKind.API and revision_of(resource.name)[1] is not None
    skipped = WRITE_ONLY if resource.name.kind is ResourceKind.API else frozenset({"format"})
    names = {*resource.properties, *(name for name in _DEFAULTS if name in found.properties)} - skipped
    for name in sorted(names - (_SHARED if is_other_revision else frozenset())):
        wanted = resource.properties.get(name, _DEFAULTS.get(name))
        there = found.properties.get(name, _DEFAULTS.get(name))
        if _shown(name, wanted) != _shown(name, there):
            yield Difference(name, _shown(name, wanted), _shown(name, there))


def _shown(name: str, value: Any) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, ResourceName):
        return value.title
    if name == "protocols":
        return ", ".join(sorted(value))
    if name == "value":
        return _canonical(str(value))
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _canonical(policy: str) -> str:
    """A policy without what Azure indents and quotes otherwise."""
    try:
        return canonicalize(policy, strip_text=True)
    except ParseError:
        return policy


def _restored(wanted: Wanted, stored: Stored, planned: set[ResourceName]) -> Iterator[Step]:
    """Where the release is there, and another revision is current all the same: one more release of the wanted one.

    The service makes a revision current only by a new release.
    """
    for resource in wanted.resources:
        if resource.name.kind is not ResourceKind.RELEASE or resource.name not in stored.resources:
            continue
        api_id, release_id = resource.name.names
        current, there = wanted.current[api_id], stored.current.get(api_id)
        if there == current or there is None:
            continue
        name = next(
            each
            for number in range(2, len(stored.resources) + 3)
            if (each := release_name(api_id, f"{release_id}-{number}")) not in stored.resources
        )
        notes = str(resource.properties.get("notes", ""))
        planned.add(name)
        again = Resource(name, release_properties(api_id, current, notes), is_compared=False)
        yield Step(
            Action.CREATE,
            name,
            [Difference("current revision", str(current), str(there))],
            located(again, stored.current),
        )


def _unwanted(
    wanted: Wanted, stored: Stored, planned: set[ResourceName], *, installation: str, prunes: bool
) -> Iterator[Step]:
    """What the service has besides: the dependent first, so that each can be deleted."""
    wanted_apis = set(wanted.current)
    order = {kind: index for index, kind in enumerate(_DELETED_IN_ORDER)}
    rest = [name for name in stored.resources if name not in planned and name.kind in order]
    for name in sorted(rest, key=lambda each: (order[each.kind], each.names)):
        if name.kind is ResourceKind.API:
            api_id, number = revision_of(name)
            if (number is None) == (api_id in wanted_apis):
                continue  # A wanted API stays; a revision of another one goes, or stays, with it.
        owner = stored.mark(name)
        if owner is None or owner.installation != installation:
            yield Step(Action.FOREIGN, name)
        elif prunes or name in wanted.offline:
            yield Step(Action.DELETE, name)
        else:
            yield Step(Action.SURPLUS, name)
