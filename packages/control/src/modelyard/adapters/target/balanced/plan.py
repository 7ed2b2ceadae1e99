"""Which replicas of a deployment stay, which leave, and which are missing. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelyard.adapters.target.balanced.platform import Phase, Replica
from modelyard.adapters.target.balanced.records import Record


@dataclass(frozen=True, slots=True)
class Plan:
    """Of all generations of one deployment."""

    staying: Sequence[Replica]
    leaving: Sequence[Replica]
    missing: Mapping[int, Sequence[int]]
    """By generation, the indices of replicas that are to be made."""

    def is_settled(self, generation: int) -> bool:
        """Whether nothing is to be done for this generation."""
        return not self.missing.get(generation) and all(one.key.generation != generation for one in self.leaving)


def plan(records: Mapping[int, Record], replicas: Sequence[Replica], is_ready: Callable[[Replica], bool]) -> Plan:
    """Replicas of a changed template leave when all of the new one are ready; nobody is touched without a record."""
    leaving = {
        one.name
        for generation, record in records.items()
        for one in _leaving(record, [each for each in replicas if each.key.generation == generation], is_ready)
    }
    missing = {generation: list(_missing(generation, record, replicas)) for generation, record in records.items()}
    return Plan(
        staying=[one for one in replicas if one.name not in leaving],
        leaving=[one for one in replicas if one.name in leaving],
        missing={generation: indices for generation, indices in missing.items() if indices},
    )


def _leaving(record: Record, replicas: Sequence[Replica], is_ready: Callable[[Replica], bool]) -> Iterator[Replica]:
    current = [one for one in replicas if _is_current(record, one)]
    is_replaced = len(current) >= record.replicas and all(map(is_ready, current))
    for one in replicas:
        is_surplus = one.index >= record.replicas
        was_asked = one.name in record.stopped_at or one.phase is Phase.STOPPED
        if record.is_draining or is_surplus or was_asked or (is_replaced and one not in current):
            yield one


def _is_current(record: Record, replica: Replica) -> bool:
    return replica.template == record.template and replica.index < record.replicas


def _missing(generation: int, record: Record, replicas: Sequence[Replica]) -> Iterator[int]:
    if record.is_draining:
        return
    made = {
        one.index
        for one in replicas
        if one.key.generation == generation and one.template == record.template and one.phase is not Phase.MADE
    }
    yield from (index for index in range(record.replicas) if index not in made)
