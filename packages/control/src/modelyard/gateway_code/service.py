"""Applying files, and writing one. A file is applied as a whole or not at all, in one transaction.

What it would change is found out by doing it and undoing it again, so that a dry run finds what applying would.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from pydantic import ValidationError

from modelyard.db import Database
from modelyard.errors import Forbidden, Invalid, ModelyardError, Unavailable
from modelyard.findings import findings
from modelyard.gateway_code.domain import Action, Change, Fields, Item, Outcome, Problem, differences_of
from modelyard.gateway_code.kinds import Kind
from modelyard.gateway_code.reading import SourceFile, read_files
from modelyard.gateway_code.writing import dumped
from modelyard.principals import Principal


class _Undone(Exception):
    """The transaction shall leave nothing behind."""


class GatewayCode:
    """Args:
    kinds: in the order in which they are made; they are deleted in the other direction.
    """

    def __init__(self, *, database: Database, kinds: Sequence[Kind]) -> None:
        self._database = database
        self._kinds = {kind.name: kind for kind in kinds}

    def apply(self, principal: Principal, files: Sequence[SourceFile], *, prunes: bool, is_dry: bool) -> Outcome:
        """Make the gateway what the files say; what they do not name stays, unless it is pruned.

        Pruning deletes objects of those kinds only that the files have a list of.

        Raises:
            Invalid: code `gateway_file_invalid`, when something is wrong and the run is not dry; nothing was changed.
            Forbidden: the caller may not change one of these kinds.
        """
        read = read_files(files, list(self._kinds))
        declared, problems = self._checked(read.items)
        changes: list[Change] = []
        problems = [*read.problems, *problems]
        if not problems:
            self._refuse_forbidden(principal, declared)
            with self._prepared(principal, declared), suppress(_Undone), self._database.joined():
                changes += self._make(principal, declared, problems)
                if prunes and not problems:
                    changes += self._prune(principal, declared, problems)
                _undo_if(is_so=is_dry or bool(problems))
        if problems and not is_dry:
            raise Invalid("; ".join(each.sentence for each in problems), code="gateway_file_invalid")
        return Outcome(changes, problems, is_applied=not is_dry)

    def export(self, principal: Principal) -> str:
        """Everything as a file that `apply` takes, and that changes nothing."""
        content = {
            name: [{self._kinds[name].identity: key, **fields} for key, fields in sorted(found.items())]
            for name, found in self.declared(principal).items()
        }
        found = {name: items for name, items in content.items() if items}
        return dumped(found) if found else ""

    def declared(self, principal: Principal) -> Mapping[str, Mapping[str, Fields]]:
        """Everything that the caller may see, as files declare it, by kind and identity."""
        return {
            name: kind.current(principal) if principal.may(kind.read_permission) else {}
            for name, kind in self._kinds.items()
        }

    def _checked(self, items: Sequence[Item]) -> tuple[Mapping[str, dict[str, tuple[Item, Fields]]], list[Problem]]:
        """The objects by kind and identity, in their normal form."""
        declared: dict[str, dict[str, tuple[Item, Fields]]] = {}
        problems: list[Problem] = []
        for item in items:
            kind = self._kinds[item.kind]
            try:
                body = kind.body.model_validate_json(json.dumps(item.content))
            except ValidationError as exc:
                problems += _problems(item, exc)
                continue
            except Invalid as exc:
                problems.append(_problem(item, exc))
                continue
            fields = body.model_dump(mode="json", exclude_defaults=True)
            key = str(fields.pop(kind.identity))
            known = declared.setdefault(item.kind, {})
            if key in known:
                message = f"'{key}' is declared at {known[key][0].place} already"
                problems.append(Problem(item.place, f"{item.kind}.{kind.identity}", message))
            known[key] = (item, fields)
        return declared, problems

    def _refuse_forbidden(self, principal: Principal, declared: Mapping[str, Any]) -> None:
        for name in declared:
            needed = self._kinds[name].permission
            if not principal.may(needed):
                raise Forbidden(f"{name}: {principal.title} does not allow {needed}", code="permission_denied")

    @contextmanager
    def _prepared(self, principal: Principal, declared: Mapping[str, dict[str, tuple[Item, Fields]]]) -> Iterator[None]:
        with ExitStack() as stack:
            for name, items in declared.items():
                fields = {key: content for key, (_, content) in items.items()}
                stack.enter_context(self._kinds[name].prepared(principal, fields))
            yield

    def _make(
        self, principal: Principal, declared: Mapping[str, dict[str, tuple[Item, Fields]]], problems: list[Problem]
    ) -> Iterator[Change]:
        for name, kind in self._kinds.items():
            current = kind.current(principal) if name in declared else {}
            for key, (item, fields) in declared.get(name, {}).items():
                there = current.get(key)
                if there is not None:
                    fields = kind.completed(fields, there)  # noqa: PLW2901 - the same object, completed
                if there == fields:
                    yield Change(Action.UNCHANGED, name, key)
                    continue
                with_key = {kind.identity: key, **fields}
                try:
                    if there is None:
                        kind.create(principal, with_key)
                    else:
                        kind.change(principal, with_key, there)
                except Unavailable:
                    raise
                except ModelyardError as exc:
                    problems.append(_problem(item, exc))
                action = Action.CREATE if there is None else Action.UPDATE
                yield Change(action, name, key, [] if there is None else list(differences_of(there, fields)))

    def _prune(
        self, principal: Principal, declared: Mapping[str, dict[str, tuple[Item, Fields]]], problems: list[Problem]
    ) -> Iterator[Change]:
        for name, kind in reversed(self._kinds.items()):
            items = declared.get(name, {})
            for key in sorted(kind.current(principal).keys() - items.keys()) if items else ():
                try:
                    kind.delete(principal, key)
                except Unavailable:
                    raise
                except ModelyardError as exc:
                    any_item = next(iter(items.values()))[0]
                    problems.append(Problem(any_item.place, f"{name}.{key}", f"cannot be pruned: {exc.message}"))
                yield Change(Action.DELETE, name, key)


def _undo_if(*, is_so: bool) -> None:
    if is_so:
        raise _Undone


def _problem(item: Item, exc: ModelyardError) -> Problem:
    """What a service refuses, at the line of the field that it names."""
    field = exc.field or ""
    message = exc.message.removeprefix(f"{field}: ") if field else exc.message
    return Problem(item.place_of(field), _title(item, field), message)


def _problems(item: Item, exc: ValidationError) -> Iterator[Problem]:
    """What the form of an object does not take."""
    for each in findings(exc):
        message = each.said if each.got is None else f"{each.said}, got {each.got}"
        yield Problem(item.place_of(each.field), _title(item, each.field), message)


def _title(item: Item, field: str) -> str:
    return f"{item.kind}.{field}" if field else item.kind
