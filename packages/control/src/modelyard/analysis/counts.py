"""Counts of trials and events, of a version under trial and of the one that it is compared with. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """How often something was tried, and how often the event came: an error, a slow answer, a disagreement."""

    trials: int = 0
    events: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.trials:
            raise ValueError(f"expected 0 <= events <= trials, got {self.events} events of {self.trials} trials")

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.trials + other.trials, self.events + other.events)

    @property
    def share(self) -> float | None:
        """Events of trials; None without any trial."""
        return self.events / self.trials if self.trials else None


NONE = Counts()
