"""A control plane that is killed between any two steps of a balanced target leaves what the next one goes on from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from modelyard.adapters.balancer import Address, Endpoint, EndpointHealth
from modelyard.adapters.target.balanced import BalancedTarget, Phase, Replica
from modelyard.ports.log import LogPart
from modelyard.ports.target import ImageArtifact, ServerKey, ServerSpec, ServerState

PORT = 20_000
SPEC = ServerSpec(
    deployment_id="d-1",
    generation=1,
    model_name="iris",
    version=1,
    artifact=ImageArtifact("example.com/m@sha256:1", "sha256:2", "example.com/m:v1"),
    replicas=2,
    namespace="default",
    port=PORT,
)
SECOND = replace(SPEC, generation=2, version=2, replicas=1)


class Killed(BaseException):
    """The process is gone."""


class Platform:
    """Replicas in memory: running as soon as they are made, ended as soon as they are asked to."""

    def __init__(self) -> None:
        self.made: dict[str, Replica] = {}
        self.created: list[str] = []
        self.balancer: Balancer | None = None

    def replicas(self, deployment_id: str | None = None) -> Sequence[Replica]:
        return [one for one in self.made.values() if deployment_id in {None, one.key.deployment_id}]

    def has_foreign(self, deployment_id: str) -> bool:
        return False

    def template(self, spec: ServerSpec) -> str:
        return f"template-{spec.version}"

    def prepare(self, spec: ServerSpec) -> bool:
        return True

    def create(self, spec: ServerSpec, index: int) -> None:
        name = f"{spec.deployment_id}-{spec.generation}-{index}"
        if name not in self.made:
            self.created.append(name)
            key = ServerKey(spec.deployment_id, spec.generation)
            endpoint = Endpoint("127.0.0.1", 30_000 + 10 * spec.generation + index)
            self.made[name] = Replica(name, key, index, self.template(spec), Phase.RUNNING, endpoint)

    def stop(self, replica: Replica) -> None:
        assert self.balancer is not None
        assert replica.endpoint is not None
        assert (replica.endpoint.host, replica.endpoint.port) not in self.balancer.receiving("d-1")
        self.made[replica.name] = replace(replica, phase=Phase.STOPPED)

    def delete(self, replica: Replica) -> None:
        self.made.pop(replica.name, None)

    def log_size(self, key: ServerKey) -> int:
        return 0

    def read_log(self, key: ServerKey, offset: int) -> LogPart:
        return LogPart(b"", offset, is_end=False)

    def clean(self, deployment_id: str) -> None:
        """Nothing is left."""


class Balancer:
    """Addresses in memory, whose endpoints are ready at once."""

    def __init__(self) -> None:
        self.known: dict[str, Address] = {}

    def addresses(self) -> Mapping[str, Address]:
        return self.known

    def address(self, name: str) -> Address | None:
        return self.known.get(name)

    def put(self, name: str, host: str, port: int, endpoints: Sequence[Endpoint]) -> None:
        self.known[name] = Address(host, port, tuple(endpoints))

    def remove(self, name: str) -> None:
        self.known.pop(name, None)

    def receiving(self, name: str) -> frozenset[tuple[str, int]]:
        address = self.known.get(name)
        found = () if address is None else address.endpoints
        return frozenset((one.host, one.port) for one in found if not one.is_draining)

    def health(self) -> Mapping[tuple[str, int], EndpointHealth]:
        return {
            (one.host, one.port): EndpointHealth(is_ready=True, takes_requests=not one.is_draining, active_requests=0)
            for address in self.known.values()
            for one in address.endpoints
        }

    def listening(self) -> frozenset[str]:
        return frozenset(self.known)


class KilledAt:
    """Something outside whose n-th call, counted over all of them, does not happen, or happens and is not heard of."""

    def __init__(self, wrapped: Any, calls: Iterator[int], moment: int, *, is_done: bool) -> None:
        self._wrapped, self._calls, self._moment, self._is_done = wrapped, calls, moment, is_done

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._wrapped, name)

        def call(*arguments: Any, **named: Any) -> Any:
            is_last = next(self._calls) == self._moment
            if is_last and not self._is_done:
                raise Killed
            result = method(*arguments, **named)
            if is_last:
                raise Killed
            return result

        return call


class Life:
    """A deployment's, with control planes of which the first is killed at one of its calls."""

    def __init__(self, folder: Path, moment: int, *, is_done: bool) -> None:
        self.folder, self.moment, self.is_done = folder, moment, is_done
        self.platform, self.balancer, self.calls = Platform(), Balancer(), iter(range(1, 100_000))
        self.platform.balancer = self.balancer
        self.was_killed = False

    def until(self, is_so: Callable[[BalancedTarget], bool]) -> None:
        """Let passes be made, by another control plane after a kill."""
        target = self._target()
        for _ in range(60):
            try:
                if is_so(target):
                    return
            except Killed:
                self.was_killed, target = True, self._target()
        raise AssertionError("it is not so after 60 passes")

    def _target(self) -> BalancedTarget:
        return BalancedTarget(
            self._outside(self.platform),
            self._outside(self.balancer),
            installation=lambda: "this",
            folder=self.folder,
            ports=range(PORT, PORT + 1),
            balancer_host="127.0.0.1",
            url_host="127.0.0.1",
        )

    def _outside(self, wrapped: object) -> Any:
        return KilledAt(wrapped, self.calls, self.moment, is_done=self.is_done)


def is_as_specified(target: BalancedTarget, spec: ServerSpec) -> bool:
    seen = target.observe_all().get(ServerKey("d-1", spec.generation))
    if seen is None or seen.fingerprint != spec.fingerprint:
        target.apply(spec)
        return False
    return seen.state is ServerState.READY


def is_retired(target: BalancedTarget) -> bool:
    target.retire("d-1", 1)
    return ServerKey("d-1", 1) not in target.observe_all()


def is_removed(target: BalancedTarget) -> bool:
    target.remove("d-1")
    return not target.observe_all()


@pytest.mark.parametrize("is_done", [False, True], ids=["before a call", "after a call"])
def test_whatever_it_is_killed_at_the_end_is_the_same(tmp_path: Path, *, is_done: bool) -> None:
    for moment in count(1):
        life = Life(tmp_path / str(moment), moment, is_done=is_done)
        life.until(lambda target: is_as_specified(target, SPEC))
        assert sorted(life.platform.made) == ["d-1-1-0", "d-1-1-1"]
        life.until(lambda target: is_as_specified(target, SECOND))
        life.until(is_retired)
        assert sorted(life.platform.made) == ["d-1-2-0"]
        assert life.balancer.receiving("d-1") == {("127.0.0.1", 30_020)}
        life.until(is_removed)
        assert (life.platform.made, life.balancer.known) == ({}, {})
        assert not list(life.folder.glob("*/server*.json"))
        assert life.platform.created == ["d-1-1-0", "d-1-1-1", "d-1-2-0"]  # Nothing was made twice.
        if not life.was_killed:
            break
    assert moment > 60  # So many calls there are.
