"""What a rule is, and how a check is tied to it. A group of rules is one module under `checks/`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard_serving.conformance.subject import Subject


class Level(StrEnum):
    """How much a rule weighs: only a MUST that fails makes the whole fail."""

    MUST = "must"
    SHOULD = "should"
    EXTENSION = "extension"
    """Asked only of a server that offers the extension."""


class Transport(StrEnum):
    """The way by which a rule is checked."""

    REST = "rest"
    BINARY = "binary"
    """REST with the binary tensor data extension."""
    GRPC = "grpc"


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence of the protocol that holds for a server or does not."""

    id: str
    title: str
    section: str
    group: str
    level: Level
    transport: Transport


class Violation(Exception):
    """The rule does not hold; the message says what was expected and what came."""


class NotApplicable(Exception):
    """The rule cannot be asked of this server or model; the message says why."""


CheckFunction = Callable[["Subject"], None]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule and the function that tries it: it returns when the rule holds, and raises Violation or NotApplicable."""

    rule: Rule
    run: CheckFunction


class Group:
    """The checks of one module, in order; its methods are the decorators that register them."""

    def __init__(self, title: str, *, section: str, transport: Transport) -> None:
        self.title = title
        self.section = section
        self.transport = transport
        self.checks: list[Check] = []

    def must(self, rule_id: str, title: str) -> Callable[[CheckFunction], CheckFunction]:
        """Register a check of a rule that every server has to keep."""
        return self._register(rule_id, title, Level.MUST)

    def should(self, rule_id: str, title: str) -> Callable[[CheckFunction], CheckFunction]:
        """Register a check of a rule that a good server keeps."""
        return self._register(rule_id, title, Level.SHOULD)

    def extension(self, rule_id: str, title: str) -> Callable[[CheckFunction], CheckFunction]:
        """Register a check of a rule for those who offer the extension."""
        return self._register(rule_id, title, Level.EXTENSION)

    def _register(self, rule_id: str, title: str, level: Level) -> Callable[[CheckFunction], CheckFunction]:
        rule = Rule(rule_id, title, self.section, self.title, level, self.transport)

        def register(function: CheckFunction) -> CheckFunction:
            self.checks.append(Check(rule, function))
            return function

        return register
