"""Looks for what differs between our tables and the tracker's registry, model by model, page by page. Changes nothing.

Of a model, the tracker's versions are read by number, and beside each page our links to those numbers: so what is
missing there and what is surplus is found in one walk, and in memory there is never more than a page of each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from modelyard.db import Database
from modelyard.errors import NotFound
from modelyard.mirror import store
from modelyard.mirror.domain import (
    Drift,
    DriftKind,
    Link,
    alias_drift,
    claimed_version,
    is_mirror_of,
    model_drift,
    tracker,
    version_drift,
)
from modelyard.ports.registered_models import RegisteredModels, ShownModel, ShownVersion
from modelyard.registry.domain import Model, Version
from modelyard.registry.service import RegistryService

_CHUNK = 200


class Examination:
    """Compares one model with its mirror."""

    def __init__(self, *, database: Database, registry: RegistryService, registered: RegisteredModels) -> None:
        self._database = database
        self._registry = registry
        self._registered = registered

    def drift(self, tenant_id: str, model_name: str, name: str) -> Iterator[Drift]:
        """Every difference from the tracker's model `name`. What is changed while this goes on is seen or not, and
        never breaks it.
        """
        model, shown = self._model(tenant_id, model_name), self._registered.model(name)
        if shown is not None and model is not None:
            yield from model_drift(model, shown)
            yield from self._alias_drift(model, shown)
        if shown is None and model is not None:
            reason = "the tracker has no such registered model"
            yield Drift(kind=DriftKind.MODEL_MISSING, model_name=model_name, tracker_name=name, reason=reason)
        if shown is not None:
            yield from self._walk(tenant_id, model_name, name)
        else:
            yield from self._gone(tenant_id, model_name, name, after=0, last=None, present=())
        if model is not None:
            yield from self._never_mirrored(tenant_id, model_name, name)

    def _model(self, tenant_id: str, model_name: str) -> Model | None:
        try:
            return self._registry.model(tracker(tenant_id), model_name)
        except NotFound:
            return None

    def _alias_drift(self, model: Model, shown: ShownModel) -> Iterator[Drift]:
        with self._database.read() as connection:
            links = store.links_at(connection, shown.name, list(shown.aliases.values()))
        yield from alias_drift(model, shown, {link.tracker_version: link.version for link in links})

    def _walk(self, tenant_id: str, model_name: str, name: str) -> Iterator[Drift]:
        """Along the tracker's versions."""
        last = 0
        for chunk in _chunks(self._registered.versions(name)):
            numbers = [shown.number for shown in chunk]
            with self._database.read() as connection:
                links = store.links_at(connection, name, numbers)
            here = {shown.number: link for shown in chunk for link in links if link.is_of(shown)}
            ours = self._ours(tenant_id, model_name, chunk, here)
            yield from self._gone(tenant_id, model_name, name, after=last, last=numbers[-1], present=chunk)
            for shown in chunk:
                yield from self._one(tenant_id, model_name, shown, here.get(shown.number), ours)
            last = numbers[-1]
        yield from self._gone(tenant_id, model_name, name, after=last, last=None, present=())

    def _ours(
        self, tenant_id: str, model_name: str, chunk: Sequence[ShownVersion], links: Mapping[int, Link]
    ) -> dict[int, Version]:
        """Our versions that the chunk's are linked to, or claim to be."""
        claims = {claimed for shown in chunk if (claimed := claimed_version(shown)) is not None}
        wanted = sorted({link.version for link in links.values()} | {claim for claim in claims if claim < 2**31})
        return self._registry.find_versions(tracker(tenant_id), model_name, wanted)

    def _one(
        self, tenant_id: str, model_name: str, shown: ShownVersion, link: Link | None, ours: Mapping[int, Version]
    ) -> Iterator[Drift]:
        """One of the tracker's versions."""
        if link is not None:
            version = ours.get(link.version)
            if version is not None:
                yield from version_drift(version, shown)
            elif not link.is_released:
                reason = f"version {link.version} was deleted"
                yield _at(shown, DriftKind.SURPLUS, model_name, reason=reason, version=link.version)
            return
        claimed = ours.get(claimed_version(shown) or 0)
        if claimed is None or not is_mirror_of(shown, claimed):
            yield self._stranger(model_name, shown)
        elif self._is_shown_elsewhere(tenant_id, model_name, claimed):
            reason = f"a second mirror of version {claimed.version}"
            yield _at(shown, DriftKind.SURPLUS, model_name, reason=reason, version=claimed.version)
        # Else it is the mirror of a version without a link, which the walk along our own versions reports.

    def _stranger(self, model_name: str, shown: ShownVersion) -> Drift:
        """A version that was registered in the tracker."""
        with self._database.read() as connection:
            refusal = store.find_refusal(connection, shown)
        if refusal is not None:
            return _at(shown, DriftKind.REFUSED, model_name, reason=refusal.reason)
        reason = "registered in the tracker" if shown.is_ready else "being registered in the tracker"
        return _at(shown, DriftKind.UNIMPORTED, model_name, reason=reason)

    def _is_shown_elsewhere(self, tenant_id: str, model_name: str, version: Version) -> bool:
        with self._database.read() as connection:
            link = store.link_of(connection, tenant_id, model_name, version.version)
        if link is None:
            return False
        shown = self._registered.version(link.tracker_name, link.tracker_version)
        return shown is not None and link.is_of(shown)

    def _gone(
        self,
        tenant_id: str,
        model_name: str,
        name: str,
        *,
        after: int,
        last: int | None,
        present: Iterable[ShownVersion],
    ) -> Iterator[Drift]:
        """Links to versions between two numbers of the tracker's that are not there any more."""
        there = {(shown.number, shown.made_at) for shown in present}
        key = (after, 2**62)
        while True:
            with self._database.read() as connection:
                links = store.links_between(connection, name, after=key, last=last, limit=_CHUNK)
            gone = [link for link in links if (link.tracker_version, link.made_at) not in there]
            ours = self._registry.find_versions(tracker(tenant_id), model_name, [link.version for link in gone])
            for link in gone:
                if link.version in ours:
                    reason = f"the tracker's version {link.tracker_version}, its mirror, was deleted there"
                    yield _missing(model_name, link.version, name, reason)
            if len(links) < _CHUNK:
                return
            key = (links[-1].tracker_version, links[-1].made_at)

    def _never_mirrored(self, tenant_id: str, model_name: str, name: str) -> Iterator[Drift]:
        """Our versions that have no link."""
        cursor: str | None = None
        while True:
            try:
                page = self._registry.page_of_versions(tracker(tenant_id), model_name, limit=_CHUNK, cursor=cursor)
            except NotFound:  # Deleted meanwhile.
                return
            numbers = [version.version for version in page.items]
            with self._database.read() as connection:
                linked = store.linked(connection, tenant_id, model_name, numbers)
            for number in numbers:
                if number not in linked:
                    yield _missing(model_name, number, name, "not mirrored yet")
            if page.next_cursor is None:
                return
            cursor = page.next_cursor


def _missing(model_name: str, version: int, name: str, reason: str) -> Drift:
    kind = DriftKind.VERSION_MISSING
    return Drift(kind=kind, model_name=model_name, version=version, tracker_name=name, reason=reason)


def _at(shown: ShownVersion, kind: DriftKind, model_name: str, *, reason: str, version: int | None = None) -> Drift:
    return Drift(
        kind=kind,
        model_name=model_name,
        version=version,
        tracker_name=shown.name,
        tracker_version=shown.number,
        reason=reason,
    )


def _chunks(versions: Iterator[ShownVersion]) -> Iterator[list[ShownVersion]]:
    while chunk := list(islice(versions, _CHUNK)):
        yield chunk
