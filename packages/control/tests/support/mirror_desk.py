"""Somebody who changes our versions, and asks for what differs in the mirror."""

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.db import Database
from modelyard.mirror.parts import MirrorParts
from modelyard.mirror.reconciliation import Outcome, Outcomes
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover
from modelyard.registry.states import Stage


@dataclass(frozen=True)
class Desk:
    """Does with the mirror and with our versions what people do."""

    parts: MirrorParts
    database: Database
    mover: StageMover
    registry: RegistryService
    admin: Principal

    def move(self, number: int, *stages: Stage, name: str = "iris") -> None:
        """Move a version through stages."""
        for stage in stages:
            with self.database.write() as connection:
                version = self.registry.version_within(connection, self.admin, name, number)
                self.mover.move(connection, self.admin, version, stage, reason="because")

    def report(self) -> list[str]:
        """All that differs, in words."""
        return [outcome.drift.reason for outcome in self._all(self.parts.reconciliation.report)]

    def kinds(self) -> list[str]:
        """What kinds of differences there are."""
        return sorted(outcome.drift.kind for outcome in self._all(self.parts.reconciliation.report))

    def repair(self) -> list[Outcome]:
        """Repair everything."""
        return self._all(self.parts.reconciliation.repair)

    def take_over(self) -> list[Outcome]:
        """Import everything."""
        return self._all(self.parts.reconciliation.import_all)

    def _all(self, work: Callable[..., Outcomes]) -> list[Outcome]:
        cursor: str | None = None
        found: list[Outcome] = []
        while True:
            page = work(self.admin, limit=2, cursor=cursor)
            found += page.outcomes
            cursor = page.next_cursor
            if cursor is None:
                return found
