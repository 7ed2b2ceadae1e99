"""A target whose replicas have addresses of their own, behind the balancer of this home.

Every `apply`, `retire` and `remove` takes what is left a step further: make, let into the address, drain, stop, delete.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from modelyard.adapters.balancer import Address, Balancer, Endpoint, EndpointHealth
from modelyard.adapters.target.balanced.observation import observation
from modelyard.adapters.target.balanced.plan import Plan, plan
from modelyard.adapters.target.balanced.platform import Phase, Replica, ReplicaPlatform
from modelyard.adapters.target.balanced.records import Record, Records
from modelyard.envoy.binary import envoy_binary
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.file_lock import locked
from modelyard.ports.log import LogPart
from modelyard.ports.target import ServerKey, ServerObservation, ServerSpec, ServerState
from modelyard.supervision.server_ports import is_free

DRAIN_SECONDS: Final = 45
"""How long a replica may take for the requests that it has, and then once more to end."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SILENT = "the balancer does not answer at its address"

Health = Mapping[tuple[str, int], EndpointHealth]


def require_balancer(name: str) -> None:
    """For the target of this name, when it is configured.

    Raises:
        Invalid: code `target_options_invalid`: there is no Envoy for this platform.
    """
    try:
        envoy_binary()
    except Unavailable as exc:
        raise Invalid(
            f"MODELYARD_TARGETS: the target '{name}': {exc.message}",
            code="target_options_invalid",
            field=f"targets.{name}",
        ) from exc


class BalancedTarget:
    """See `Target`.

    Args:
        installation: the id of this installation.
        folder: for records.
        ports: of this machine, for addresses.
        balancer_host: where addresses listen.
        url_host: how callers reach that.
    """

    def __init__(
        self,
        platform: ReplicaPlatform,
        balancer: Balancer,
        *,
        installation: Callable[[], str],
        folder: Path,
        ports: range,
        balancer_host: str,
        url_host: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._platform = platform
        self._balancer = balancer
        self._installation = installation
        self._records = Records(folder)
        self._range = ports
        self._host = balancer_host
        self._url_host = f"[{url_host}]" if ":" in url_host else url_host
        self._clock = clock

    @property
    def ports(self) -> range:
        """Those of the settings."""
        return self._range

    @property
    def takes_grpc(self) -> bool:
        """The balancer distinguishes gRPC from HTTP at one port."""
        return True

    def is_free(self, port: int) -> bool:
        """Whether nobody listens there now."""
        return is_free(self._host, port)

    def apply(self, spec: ServerSpec) -> None:
        """Remember the spec, take the address, and make what is missing when the artifact is there."""
        if spec.port is None:
            raise ValueError(f"The server of {spec.deployment_id} needs a port on this machine, and was given none.")
        template, key = self._platform.template(spec), ServerKey(spec.deployment_id, spec.generation)
        folder = self._folder(spec.deployment_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder / "lock"):
            records = self._records.of(spec.deployment_id)
            self._refuse_foreign(spec.deployment_id, records.values())
            before = records.get(spec.generation)
            record = Record(self._installation(), spec.replicas, template)
            if before is not None:
                record = replace(record, drained_at=before.drained_at, stopped_at=before.stopped_at)
            self._records.write(key, record)
            if self._balancer.address(spec.deployment_id) is None:
                self._balancer.put(spec.deployment_id, self._host, spec.port, [])
            if self._platform.prepare(spec):
                self._advance(spec.deployment_id, port=spec.port, spec=spec)

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What this generation does now."""
        seen = self._observe(deployment_id, self._platform.replicas(deployment_id), *self._seen_by_balancer())
        return seen.get(ServerKey(deployment_id, generation), ServerObservation(ServerState.ABSENT))

    def observe_all(self) -> Mapping[ServerKey, ServerObservation]:
        """Every generation that has a record or a replica."""
        replicas, (health, listening) = self._platform.replicas(), self._seen_by_balancer()
        found: dict[ServerKey, ServerObservation] = {}
        for deployment_id in {*self._records.deployments(), *(one.key.deployment_id for one in replicas)}:
            own = [one for one in replicas if one.key.deployment_id == deployment_id]
            found |= self._observe(deployment_id, own, health, listening)
        return found

    def retire(self, deployment_id: str, generation: int) -> None:
        """Let one generation leave the address and end."""
        self._let_go(deployment_id, only=generation)

    def remove(self, deployment_id: str) -> None:
        """Let all generations leave; the address is given back when they are gone."""
        self._let_go(deployment_id)

    def log_size(self, deployment_id: str, generation: int) -> int:
        """As the platform keeps it."""
        return self._platform.log_size(ServerKey(deployment_id, generation))

    def read_log(self, deployment_id: str, generation: int, offset: int) -> LogPart:
        """As the platform keeps it."""
        return self._platform.read_log(ServerKey(deployment_id, generation), offset)

    def _let_go(self, deployment_id: str, *, only: int | None = None) -> None:
        replicas, records = self._platform.replicas(deployment_id), self._own_records(deployment_id)
        there = {*records, *(one.key.generation for one in replicas)}
        leaving = there if only is None else there & {only}
        if not leaving:
            return
        folder = self._folder(deployment_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder / "lock"):
            for generation in leaving:
                record = records.get(generation) or Record(self._installation(), 0, "")
                self._records.write(ServerKey(deployment_id, generation), replace(record, is_draining=True))
            self._advance(deployment_id)

    def _advance(self, deployment_id: str, *, port: int | None = None, spec: ServerSpec | None = None) -> None:
        """One step of all generations of a deployment. Replicas are made of the spec's generation only."""
        health, _ = self._seen_by_balancer()
        records = self._own_records(deployment_id)
        replicas = self._platform.replicas(deployment_id)
        planned = plan(records, replicas, lambda one: _is_ready(one, health))
        if spec is not None and planned.missing.get(spec.generation):
            for index in planned.missing[spec.generation]:
                self._platform.create(spec, index)
            replicas = self._platform.replicas(deployment_id)
            planned = plan(records, replicas, lambda one: _is_ready(one, health))
        self._forget_steps(deployment_id, records, planned)
        self._balance(deployment_id, planned, port)
        for one in planned.leaving:
            self._take_leave(one, health)
        if spec is not None and not planned.missing.get(spec.generation):
            self._update(ServerKey(deployment_id, spec.generation), fingerprint=spec.fingerprint)
        self._forget_gone(deployment_id)

    def _balance(self, deployment_id: str, planned: Plan, port: int | None) -> None:
        """Let those that stay, and have an address, have requests, and the others none."""
        address = self._balancer.address(deployment_id)
        known = port if address is None else address.port
        if known is not None:
            self._balancer.put(deployment_id, self._host, known, _endpoints(planned))

    def _forget_steps(self, deployment_id: str, records: Mapping[int, Record], planned: Plan) -> None:
        """Of replicas that are gone, or that stay after all: names are used again."""
        leaving = {one.name for one in planned.leaving}
        for generation, record in records.items():
            self._update(
                ServerKey(deployment_id, generation),
                drained_at={name: at for name, at in record.drained_at.items() if name in leaving},
                stopped_at={name: at for name, at in record.stopped_at.items() if name in leaving},
            )

    def _take_leave(self, replica: Replica, health: Health) -> None:
        """The next step of one that leaves: out of the address, asked to end, deleted."""
        record = self._records.of(replica.key.deployment_id)[replica.key.generation]
        now = self._clock()
        asked_at = record.stopped_at.get(replica.name)
        if replica.phase in {Phase.STOPPED, Phase.MADE} or (asked_at is not None and now - asked_at > DRAIN_SECONDS):
            self._platform.delete(replica)
        elif asked_at is not None:
            self._platform.stop(replica)  # One that was just started may not have handled the first signal.
        elif replica.name not in record.drained_at:
            if not _places(replica) & self._balancer.receiving(replica.key.deployment_id):
                self._update(replica.key, drained_at={**record.drained_at, replica.name: now})
        elif _serves_nobody(replica, health):
            self._platform.delete(replica)  # One that starts may not handle signals yet.
        elif not _active(replica, health) or now - record.drained_at[replica.name] > DRAIN_SECONDS:
            self._platform.stop(replica)
            self._update(replica.key, stopped_at={**record.stopped_at, replica.name: now})

    def _forget_gone(self, deployment_id: str) -> None:
        """Delete the records of generations that are gone, and with the last of them the address."""
        left = {one.key.generation for one in self._platform.replicas(deployment_id)}
        records = self._own_records(deployment_id)
        gone = [generation for generation, record in records.items() if record.is_draining and generation not in left]
        if len(gone) == len(records) and not left:
            self._balancer.remove(deployment_id)
            self._platform.clean(deployment_id)
        for generation in gone:
            self._records.delete(ServerKey(deployment_id, generation))

    def _update(self, key: ServerKey, **changes: Any) -> None:
        record = self._records.of(key.deployment_id)[key.generation]
        if replace(record, **changes) != record:
            self._records.write(key, replace(record, **changes))

    def _observe(
        self, deployment_id: str, replicas: Sequence[Replica], health: Health, listening: frozenset[str] | None
    ) -> Mapping[ServerKey, ServerObservation]:
        records, address = self._own_records(deployment_id), self._balancer.address(deployment_id)
        planned = plan(records, replicas, lambda one: _is_ready(one, health))
        is_listening = deployment_id in (listening or ())
        wanted = None if address is None else Address(self._host, address.port, tuple(_endpoints(planned)))
        is_balanced = is_listening and address == wanted
        return {
            ServerKey(deployment_id, generation): observation(
                records.get(generation),
                [one for one in planned.staying if one.key.generation == generation],
                lambda one: _is_ready(one, health),
                url=None if address is None else f"http://{self._url_host}:{address.port}",
                is_settled=is_balanced and planned.is_settled(generation),
                trouble=None if is_listening else _SILENT,
            )
            for generation in sorted({*records, *(one.key.generation for one in replicas)})
        }

    def _seen_by_balancer(self) -> tuple[Health, frozenset[str] | None]:
        """Nothing is ready, and nobody listens, while it does not answer."""
        try:
            return self._balancer.health(), self._balancer.listening()
        except Unavailable:
            return {}, None

    def _own_records(self, deployment_id: str) -> Mapping[int, Record]:
        mine = self._installation()
        found = self._records.of(deployment_id)
        return {generation: record for generation, record in found.items() if record.installation == mine}

    def _refuse_foreign(self, deployment_id: str, records: Iterable[Record]) -> None:
        mine = self._installation()
        if any(one.installation != mine for one in records) or self._platform.has_foreign(deployment_id):
            raise Conflict(
                f"'{deployment_id}' is a server of another installation", code="server_of_other_installation"
            )

    def _folder(self, deployment_id: str) -> Path:
        if not _ID.fullmatch(deployment_id):
            raise ValueError(f"A deployment's id is letters, digits, `-` and `_`; got {deployment_id!r}.")
        return self._records.folder(deployment_id)


def _endpoints(planned: Plan) -> list[Endpoint]:
    """Of those that stay, and of those that leave while they run, marked."""
    staying = [one.endpoint for one in planned.staying if one.endpoint is not None]
    leaving = [one.endpoint for one in planned.leaving if one.endpoint is not None and one.phase is Phase.RUNNING]
    every = [*staying, *(replace(endpoint, is_draining=True) for endpoint in leaving)]
    return sorted(every, key=lambda endpoint: (endpoint.host, endpoint.port))


def _is_ready(replica: Replica, health: Health) -> bool:
    if replica.endpoint is None or replica.phase is not Phase.RUNNING:
        return False
    known = health.get((replica.endpoint.host, replica.endpoint.port))
    return known is not None and known.is_ready and known.takes_requests


def _places(replica: Replica) -> set[tuple[str, int]]:
    """Where it listens, with gRPC."""
    if replica.endpoint is None:
        return set()
    ports = (replica.endpoint.port, replica.endpoint.grpc_port)
    return {(replica.endpoint.host, port) for port in ports if port is not None}


def _serves_nobody(replica: Replica, health: Health) -> bool:
    """Whether it has no request, and is not ready to have one."""
    known = [health[place] for place in _places(replica) if place in health]
    return bool(known) and not any(one.is_ready or one.active_requests for one in known)


def _active(replica: Replica, health: Health) -> int:
    return sum(health[place].active_requests for place in _places(replica) if place in health)
