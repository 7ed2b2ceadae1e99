"""What one can ask of the mirror: what differs, its repair, and an import; all by pages of models."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from modelyard.errors import Kind, ModelyardError
from modelyard.mirror.domain import Drift, DriftKind, tracker
from modelyard.mirror.examination import Examination
from modelyard.mirror.imports import Imports
from modelyard.mirror.places import Place, Places
from modelyard.mirror.service import MirrorService
from modelyard.ports.registered_models import RegisteredModels, ShownVersion
from modelyard.principals import Principal
from modelyard.registry.domain import Version

_MAX_REPORTED = 1000
"""Outcomes of one model that an answer holds; the next call goes on with what is left."""
_STRANGERS = frozenset({DriftKind.UNIMPORTED, DriftKind.REFUSED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a difference."""

    drift: Drift
    is_settled: bool
    version: Version | None = None
    """Ours, that was imported."""

    @property
    def is_of_stranger(self) -> bool:
        """Whether this is about something that was registered in the tracker."""
        return self.drift.kind in _STRANGERS


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of a page of models."""

    models: int
    outcomes: Sequence[Outcome]
    next_cursor: str | None


class Reconciliation:
    """Compares, repairs and imports."""

    def __init__(
        self,
        *,
        mirror: MirrorService,
        examination: Examination,
        imports: Imports,
        places: Places,
        registered: RegisteredModels,
    ) -> None:
        self._mirror = mirror
        self._examination = examination
        self._imports = imports
        self._places = places
        self._registered = registered

    def report(self, owner: Principal, *, limit: int, cursor: str | None) -> Outcomes:
        """What differs."""
        return self._over(owner, _Work(), limit=limit, cursor=cursor)

    def repair(self, owner: Principal, *, limit: int, cursor: str | None) -> Outcomes:
        """Bring the mirror up to date. What only an import or a person can change is reported and stays."""
        return self._over(owner, _Work(repairs=True), limit=limit, cursor=cursor)

    def import_all(self, owner: Principal, *, limit: int, cursor: str | None) -> Outcomes:
        """Import what was registered in the tracker, also what was refused before. The rest is not reported."""
        found = self._over(owner, _Work(importer=owner, is_due=lambda _: True), limit=limit, cursor=cursor)
        return replace(found, outcomes=[outcome for outcome in found.outcomes if outcome.is_of_stranger])

    def settle(self, place: Place) -> Iterator[Outcome]:
        """Import and repair in one walk, on nobody's behalf; what was refused lately is left alone.

        Raises:
            Unavailable: the tracker or the database does not answer.
        """
        return self._walk(place, _Work(repairs=True, importer=tracker(place.tenant_id), is_due=self._imports.is_due))

    def _over(self, owner: Principal, work: "_Work", *, limit: int, cursor: str | None) -> Outcomes:
        page = self._places.page(owner, limit=limit, cursor=cursor)
        found = [outcome for place in page.items for outcome in islice(self._walk(place, work), _MAX_REPORTED)]
        return Outcomes(len(page.items), found, page.next_cursor)

    def _walk(self, place: Place, work: "_Work") -> Iterator[Outcome]:
        """Differences of one version come one after the other, and one repair ends them all."""
        for _, group in groupby(self._drift(place), key=_settled_together):
            together = list(group)
            if work.importer is not None and together[0].kind in _STRANGERS:
                yield from (self._import(work.importer, place, drift, work.is_due) for drift in together)
            elif work.repairs and any(drift.is_repairable for drift in together):
                yield from self._repair(place, together)
            else:
                yield from (Outcome(drift, is_settled=False) for drift in together)

    def _drift(self, place: Place) -> Iterator[Drift]:
        if place.fault is None:
            return self._examination.drift(place.tenant_id, place.model_name, place.tracker_name)
        name = place.tracker_name
        return iter([Drift(kind=DriftKind.REFUSED, model_name=name, tracker_name=name, reason=place.fault)])

    def _repair(self, place: Place, together: Sequence[Drift]) -> Iterator[Outcome]:
        fault = ""
        try:
            self._mend(place, next(drift for drift in together if drift.is_repairable))
        except ModelyardError as exc:
            if exc.kind is Kind.UNAVAILABLE:
                raise
            fault = exc.message
        for drift in together:
            reported = replace(drift, reason=f"{drift.reason}: {fault}") if fault else drift
            yield Outcome(reported, is_settled=drift.is_repairable and not fault)

    def _mend(self, place: Place, drift: Drift) -> None:
        if drift.kind is not DriftKind.SURPLUS:
            self._mirror.show(place.tenant_id, place.model_name, drift.version)
            return
        shown = self._shown(drift)
        if shown is not None:
            self._mirror.drop_surplus(shown)
        self._mirror.show(place.tenant_id, place.model_name)  # A deleted model goes with its last version.

    def _import(
        self, principal: Principal, place: Place, drift: Drift, is_due: Callable[[ShownVersion], bool]
    ) -> Outcome:
        shown = self._shown(drift)
        if shown is None or not shown.is_ready or not is_due(shown):
            return Outcome(drift, is_settled=False)
        try:
            # The name may have been taken since the page was listed: by a model that was imported just before.
            version = self._imports.take(principal, self._places.of(place.tracker_name), shown)
        except ModelyardError as exc:
            if exc.kind is Kind.UNAVAILABLE:
                raise
            return Outcome(replace(drift, kind=DriftKind.REFUSED, reason=exc.message), is_settled=False)
        return Outcome(drift, is_settled=True, version=version)

    def _shown(self, drift: Drift) -> ShownVersion | None:
        if drift.tracker_version is None:
            return None
        return self._registered.version(drift.tracker_name, drift.tracker_version)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done about differences."""

    repairs: bool = False
    importer: Principal | None = None
    is_due: Callable[[ShownVersion], bool] = lambda _: False
    """Which versions an importer takes."""


def _settled_together(drift: Drift) -> tuple[bool, int | None, int | None]:
    is_alone = drift.kind in _STRANGERS or drift.kind is DriftKind.SURPLUS
    return is_alone, drift.version, drift.tracker_version
