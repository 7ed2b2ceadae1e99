"""The container groups of one target and one installation; `ReplicaPlatform` says what each call does."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard.adapters.target.aci.groups import (
    DEPLOYMENT,
    INSTALLATION,
    TARGET,
    group_name,
    group_of,
    has_failed_to_be_made,
    name_prefix,
    replica_of,
    tags_of,
    template_of,
)
from modelyard.adapters.target.aci.manager import ContainerGroups
from modelyard.adapters.target.aci.options import AciOptions
from modelyard.adapters.target.balanced import Phase, Replica
from modelyard.adapters.target.balanced.collected_log import CollectedLog
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.ports.log import LogPart
from modelyard.ports.target import ImageArtifact, ServerKey, ServerSpec
from modelyard.supervision.programs import generation_suffix

_GIVEN_UP_SECONDS = 60


class AciReplicas:
    """Args:
    target: the name of the target.
    folder: for logs.
    """

    def __init__(
        self,
        groups: ContainerGroups,
        *,
        installation: Callable[[], str],
        target: str,
        options: AciOptions,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = groups
        self._installation = installation
        self._target = target
        self._options = options
        self._folder = folder
        self._clock = clock
        self._seen: tuple[float, Sequence[Any]] | None = None
        self._failed_at: dict[str, float] = {}
        self._logs_read: dict[ServerKey, float] = {}

    def replicas(self, deployment_id: str | None = None) -> Sequence[Replica]:
        """By their tags. What was read a moment ago holds, so that Azure is not asked all the time."""
        mine = (self._installation(), self._target)
        own = [one for one in self._read() if (_tag(one, INSTALLATION), _tag(one, TARGET)) == mine]
        self._failed_at = {str(one.name): self._failed_since(one) for one in own if has_failed_to_be_made(one)}
        found = [replica_of(group, self._groups.failure(str(group.name))) for group in own]
        return [
            self._given_up(one) for one in found if one is not None and deployment_id in {None, one.key.deployment_id}
        ]

    def has_foreign(self, deployment_id: str) -> bool:
        """Whether a group of this deployment has the id of another installation."""
        ids = {_tag(one, INSTALLATION) for one in self._read() if _tag(one, DEPLOYMENT) == deployment_id}
        return bool(ids - {None, self._installation()})

    def template(self, spec: ServerSpec) -> str:
        """Of the spec, and of what this target adds to it."""
        _image_of(spec)
        return template_of(spec, self._options)

    def prepare(self, spec: ServerSpec) -> bool:
        """Always: Azure pulls the image itself."""
        return _image_of(spec) is not None

    def create(self, spec: ServerSpec, index: int) -> None:
        """Ask for its group. One that is there is started if somebody has stopped it, and never changed."""
        template = self.template(spec)
        name = group_name(spec, index, template)
        there = self._groups.get(name)
        self._seen = None
        if there is None:
            tags = tags_of(spec, index, template, installation=self._installation(), target=self._target)
            group = group_of(spec, _image_of(spec), options=self._options, tags=tags, password=self._password())
            self._groups.create(name, group)
            return
        if (_tag(there, INSTALLATION), _tag(there, TARGET)) != (self._installation(), self._target):
            raise Conflict(f"the container group '{name}' is not ours", code="server_of_other_installation")
        replica = replica_of(there, None)
        if replica is not None and replica.phase is Phase.MADE:
            self._groups.start(name)

    def stop(self, replica: Replica) -> None:
        """Delete its group: nothing is in flight, and a group that is stopped would be paid for no longer either."""
        self.delete(replica)

    def delete(self, replica: Replica) -> None:
        """Ask for its deletion when its log is here."""
        self._collect(replica.key, replica.name)
        self._groups.delete(replica.name)
        self._seen = None

    def log_size(self, key: ServerKey) -> int:
        """Of what was collected, with what is new."""
        self._collect_all(key)
        return self._log(key).size()

    def read_log(self, key: ServerKey, offset: int) -> LogPart:
        """A part, with what is new."""
        self._collect_all(key)
        return self._log(key).read(offset)

    def clean(self, deployment_id: str) -> None:
        """Forget what Azure was asked for."""
        self._groups.forget(name_prefix(deployment_id))

    def _failed_since(self, group: Any) -> float:
        return self._failed_at.get(str(group.name), self._clock())

    def _given_up(self, replica: Replica) -> Replica:
        """Azure tries no group again that it has failed to make: after a while another one takes its place."""
        since = self._failed_at.get(replica.name)
        is_given_up = since is not None and self._clock() - since > _GIVEN_UP_SECONDS
        return replace(replica, phase=Phase.STOPPED) if is_given_up else replica

    def _read(self) -> Sequence[Any]:
        """What a group does is not in the list of all."""
        if self._seen is not None and self._clock() - self._seen[0] < self._options.observe_seconds:
            return self._seen[1]
        mine = (self._installation(), self._target)
        found = []
        for listed in self._groups.listed():
            is_ours = (_tag(listed, INSTALLATION), _tag(listed, TARGET)) == mine
            group = self._groups.get(str(listed.name)) if is_ours else listed
            if group is not None:
                found.append(group)
        self._seen = (self._clock(), found)
        return found

    def _collect_all(self, key: ServerKey) -> None:
        """Where Azure is away, what was collected before is all that can be read."""
        if self._clock() - self._logs_read.get(key, float("-inf")) < self._options.observe_seconds:
            return
        try:
            for replica in self.replicas(key.deployment_id):
                if replica.key == key:
                    self._collect(key, replica.name)
        except Unavailable:
            return
        self._logs_read[key] = self._clock()

    def _collect(self, key: ServerKey, name: str) -> None:
        self._log(key).collect(name, _lines(self._groups.log(name)))

    def _log(self, key: ServerKey) -> CollectedLog:
        return CollectedLog(self._folder / key.deployment_id / f"log{generation_suffix(key.generation)}.log")

    def _password(self) -> str | None:
        """Read when it is needed, so that another one counts at once."""
        file = None if self._options.registry is None else self._options.registry.password_file
        if file is None:
            return None
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise Unavailable(
                f"the password of the registry cannot be read: {file}: {exc.strerror}", code="target_unavailable"
            ) from exc


def _tag(group: Any, name: str) -> str | None:
    return (group.tags or {}).get(name)


def _lines(text: str) -> Iterator[tuple[str, bytes]]:
    for line in text.splitlines(keepends=True):
        time_, _, said = line.partition(" ")
        yield time_, said.encode()


def _image_of(spec: ServerSpec) -> ImageArtifact:
    if not isinstance(spec.artifact, ImageArtifact):
        raise Invalid("artifact: this target runs images, got a bundle", code="artifact_unsupported", field="artifact")
    return spec.artifact
