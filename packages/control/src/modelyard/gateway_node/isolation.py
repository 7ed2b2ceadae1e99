"""Finds the parts for which Envoy refuses a configuration, so that it takes all the others.

A part that is refused stays as it was. It is tried again as soon as it is another one, and once after each later
configuration, as it may have been refused for what another part was.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from modelyard.gateway_node.configuration import Configuration
from modelyard.gateway_node.confirmation import RefusedError
from modelyard.gateway_node.control_plane import MOST_REASON, MOST_REPORTED, RefusedPart
from modelyard.gateway_node.parts import Part, PartKind, changed, composed, digests, users_of

logger = structlog.get_logger()

NOTHING = Configuration(clusters=(), endpoints=(), routes={})
"""What a node runs before its first configuration."""
Try = Callable[[Configuration], None]
"""Returns when Envoy takes a configuration, and raises RefusedError when it does not."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The most of a configuration that Envoy takes."""

    configuration: Configuration
    refusals: Mapping[Part, str] = field(default_factory=dict)
    """Why which parts are as they were."""


class HeldParts:
    """What a node holds now."""

    def __init__(self) -> None:
        self.reported: tuple[RefusedPart, ...] = ()
        """As the control plane hears of them."""
        self._known: dict[Part, tuple[str, str]] = {}
        """Their digests, and why."""

    def still_in(self, wanted: Configuration) -> dict[Part, str]:
        """Those that are in a newer configuration as they are."""
        present = digests(wanted, self._known)
        return {part: why for part, (digest, why) in self._known.items() if present.get(part) == digest}

    def note(self, wanted: Configuration, settled: Settled) -> None:
        """Those of the configuration that was taken last."""
        found = report_of(settled, wanted)
        for each in found:
            if each not in self.reported:
                logger.warning("a part of a configuration is refused", kind=each.kind, part=each.name, why=each.reason)
        present = digests(wanted, settled.refusals)
        self._known = {part: (present[part], why) for part, why in settled.refusals.items()}
        self.reported = found


def settle(
    wanted: Configuration,
    former: Configuration,
    try_: Try,
    *,
    held: Mapping[Part, str] | None = None,
    refused: RefusedError | None = None,
) -> Settled:
    """The most of the wanted configuration that `try_` takes; the other parts are as in the former one.

    Without a refusal it is tried once. Otherwise the parts that have changed are halved again and again: about twice
    the logarithm of their number for each one that is refused. What is given was tried as a whole.

    Args:
        held: parts that are not to be tried, and why.
        refused: why all the others were refused together, where that is known.

    Raises:
        RefusedError: it is refused for what is in no part.
    """
    refusals = dict(held or {})
    whole = composed(wanted, former, refusals)
    refused = refused or _refusal(whole, try_)
    if refused is None:
        return Settled(whole, refusals)
    suspects = [part for part in changed(wanted, former) if part not in refusals]
    if not suspects:
        raise refused
    search = _Search(wanted, former, try_, suspects=suspects, refusals=refusals)
    core = search.attempt(())
    if core is not None:
        raise core
    search.divide(suspects, refused)
    return Settled(composed(wanted, former, refusals), refusals)


def report_of(settled: Settled, wanted: Configuration) -> tuple[RefusedPart, ...]:
    """What is said of parts that are held. A cluster is reported as the routes that lead to it."""
    found: dict[tuple[PartKind, str], str] = {}
    for part, reason in sorted(settled.refusals.items(), reverse=True):  # Clusters come last: theirs is the cause.
        if part.kind is PartKind.CLUSTER:
            found |= {(PartKind.ROUTES, name): reason for name in users_of(wanted, part.name)}
        else:
            found[part.kind, part.name] = reason
    return tuple(RefusedPart(kind, name, reason[:MOST_REASON]) for (kind, name), reason in sorted(found.items()))[
        :MOST_REPORTED
    ]


class _Search:
    """What is taken grows, and each time all of it is tried together."""

    def __init__(
        self,
        wanted: Configuration,
        former: Configuration,
        try_: Try,
        *,
        suspects: Collection[Part],
        refusals: dict[Part, str],
    ) -> None:
        self._wanted = wanted
        self._former = former
        self._try = try_
        self._left = set(suspects)
        self._refusals = refusals

    def attempt(self, parts: Collection[Part]) -> RefusedError | None:
        """Try these with all that was taken before; they are taken unless they are refused."""
        left = self._left.difference(parts)
        refused = _refusal(composed(self._wanted, self._former, left | self._refusals.keys()), self._try)
        if refused is None:
            self._left = left
        return refused

    def divide(self, parts: Sequence[Part], refused: RefusedError) -> None:
        """Take the most of some parts that were refused together."""
        if len(parts) == 1:
            self._refusals[parts[0]] = refused.message
            return
        first, second = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        of_first = self.attempt(first)
        if of_first is None:
            self.divide(second, refused)  # Together with the first half they were refused just now.
            return
        self.divide(first, of_first)
        of_second = self.attempt(second)
        if of_second is not None:
            self.divide(second, of_second)


def _refusal(configuration: Configuration, try_: Try) -> RefusedError | None:
    try:
        try_(configuration)
    except RefusedError as exc:
        return exc
    return None
