"""A tracker's registry of models in memory, in which a test is whoever registers, changes and deletes models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.errors import Invalid, NotFound
from modelyard.ports.registered_models import NO_STAGE, ShownModel, ShownPage, ShownVersion
from modelyard.ports.tracking import LoggedModel


@dataclass(slots=True)
class _Registered:
    changed_at: int
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    last_number: int = 0
    versions: dict[int, ShownVersion] = field(default_factory=dict)


class FakeRegisteredModels:
    """Keeps the contract of `RegisteredModels`. Its clock ticks with each change."""

    def __init__(self, tracking: FakeTracking) -> None:
        self._tracking = tracking
        self._ticks = count(1)
        self._models: dict[str, _Registered] = {}

    def register(
        self,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        is_ready: bool = True,
    ) -> ShownVersion:
        """Be somebody who registers what is at this address, which the tracker does not check."""
        self.make_model(name)
        found = self._models[name]
        found.last_number += 1
        found.changed_at = next(self._ticks)
        version = ShownVersion(
            name=name,
            number=found.last_number,
            made_at=found.changed_at,
            source=source,
            run_id=run_id,
            is_ready=is_ready,
            stage=NO_STAGE,
            description=description,
            tags=dict(tags or {}),
        )
        found.versions[version.number] = version
        return version

    def move(self, name: str, number: int, stage: str) -> None:
        """Be somebody who uses MLflow's deprecated stages."""
        self._change(name, number, stage=stage)

    def page(self, *, prefix: str = "", cursor: str | None = None, limit: int = 100) -> ShownPage:
        """The models by name; the cursor is the last name."""
        self._tracking.answer()
        names = sorted(name for name in self._models if name.startswith(prefix) and name > (cursor or ""))
        here = names[:limit]
        return ShownPage([self._shown(name) for name in here], here[-1] if len(names) > limit else None)

    def changed_since(self, moment: int) -> Iterator[ShownModel]:
        """The models by the tick of their last change."""
        self._tracking.answer()
        latest_first = sorted(self._models, key=lambda name: -self._models[name].changed_at)
        yield from [self._shown(name) for name in latest_first if self._models[name].changed_at >= moment]

    def model(self, name: str) -> ShownModel | None:
        """The model."""
        self._tracking.answer()
        return self._shown(name) if name in self._models else None

    def version(self, name: str, number: int) -> ShownVersion | None:
        """The version."""
        self._tracking.answer()
        found = self._models.get(name)
        return found.versions.get(number) if found else None

    def versions(self, name: str, *, after: int = 0) -> Iterator[ShownVersion]:
        """The versions, each looked up when its turn comes."""
        while True:
            self._tracking.answer()
            found = self._models.get(name)
            later = [number for number in found.versions if number > after] if found else []
            if found is None or not later:
                return
            after = min(later)
            yield found.versions[after]

    def versions_tagged(self, name: str, key: str, value: str) -> Sequence[ShownVersion]:
        """The versions with the tag."""
        return [version for version in self.versions(name) if version.tags.get(key) == value]

    def versions_of(self, name: str, source: str) -> Sequence[ShownVersion]:
        """The versions with the source."""
        return [version for version in self.versions(name) if version.source == source]

    def logged_model(self, version: ShownVersion) -> LoggedModel:
        """The tracker's model at the version's source, or at that of the version that it is a copy of."""
        self._tracking.answer()
        scheme, _, path = version.source.partition(":/")
        name, _, number = path.partition("/")
        if scheme == "models" and number.isdigit():
            copied = self.version(name, int(number))
            if copied is None:
                raise NotFound(f"The tracker has no {version.source}.", code="not_tracked")
            return self.logged_model(copied)
        try:
            return self._tracking.logged_model(version.source)
        except Invalid as exc:
            raise Invalid(
                f"source: expected a logged model, got {version.source!r}", code="source_unsupported", field="source"
            ) from exc

    def make_model(self, name: str) -> None:
        """Make the model."""
        self._tracking.answer()
        self._models.setdefault(name, _Registered(changed_at=next(self._ticks)))

    def make_version(
        self, name: str, *, model_uri: str, run_id: str | None, description: str, tags: Mapping[str, str]
    ) -> ShownVersion:
        """Make the next version."""
        self._registered(name)
        model = self._tracking.logged_model(model_uri)
        return self.register(name, model.uri, run_id=run_id, description=description, tags=tags)

    def describe_model(self, name: str, text: str) -> None:
        """Write the model's description."""
        self._registered(name).description = text

    def tag_model(self, name: str, key: str, value: str | None) -> None:
        """Write the model's tag."""
        if value is None:
            self._tracking.answer()
            if name in self._models:
                self._models[name].tags.pop(key, None)
        else:
            self._registered(name).tags[key] = value

    def describe_version(self, name: str, number: int, text: str) -> None:
        """Write the version's description."""
        self._change(name, number, description=text)

    def tag_version(self, name: str, number: int, key: str, value: str | None) -> None:
        """Write the version's tag."""
        found = self.version(name, number)
        if found is None and value is None:
            return
        kept = {} if found is None else {other: text for other, text in found.tags.items() if other != key}
        self._change(name, number, tags=kept if value is None else {**kept, key: value})

    def set_alias(self, name: str, alias: str, number: int | None) -> None:
        """Point the alias."""
        if number is None:
            self._tracking.answer()
            if name in self._models:
                self._models[name].aliases.pop(alias, None)
            return
        if self.version(name, number) is None:
            raise NotFound(f"The tracker has no version {number} of model '{name}'.", code="not_tracked")
        self._registered(name).aliases[alias] = number

    def leave_stage(self, name: str, number: int) -> None:
        """Take the version out of its stage."""
        self._change(name, number, stage=NO_STAGE)

    def drop_version(self, name: str, number: int) -> None:
        """Delete the version with its aliases."""
        self._tracking.answer()
        found = self._models.get(name)
        if found is None or number not in found.versions:
            return
        del found.versions[number]
        found.aliases = {alias: aimed for alias, aimed in found.aliases.items() if aimed != number}
        found.changed_at = next(self._ticks)

    def drop_model(self, name: str) -> None:
        """Delete the model."""
        self._tracking.answer()
        self._models.pop(name, None)

    def _registered(self, name: str) -> _Registered:
        self._tracking.answer()
        if name not in self._models:
            raise NotFound(f"The tracker has no model '{name}'.", code="not_tracked")
        return self._models[name]

    def _shown(self, name: str) -> ShownModel:
        found = self._models[name]
        return ShownModel(name, found.description, dict(found.tags), dict(found.aliases), found.changed_at)

    def _change(self, name: str, number: int, **values: object) -> None:
        found = self._registered(name)
        if number not in found.versions:
            raise NotFound(f"The tracker has no version {number} of model '{name}'.", code="not_tracked")
        found.versions[number] = replace(found.versions[number], **values)  # type: ignore[arg-type]  # Named by us.
