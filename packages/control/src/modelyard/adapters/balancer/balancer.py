"""The balancer of one home: addresses of this machine, each with the replicas that answer there.

What shall be is in files; Envoy reads them, outlives the control plane, and is started again with them after a crash.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from modelyard.adapters.balancer.addresses import Address, AddressFiles, Endpoint
from modelyard.adapters.balancer.envoy_resources import (
    STAT_PREFIX,
    assignments,
    cluster_names,
    clusters,
    endpoints_file,
    listener,
)
from modelyard.adapters.balancer.watches import check_room
from modelyard.envoy.process import EnvoyProcess
from modelyard.envoy.resources import write_resources
from modelyard.errors import Unavailable
from modelyard.file_lock import locked
from modelyard.home import Home
from modelyard.supervision.programs import BALANCER
from modelyard.supervision.server_ports import ServerPorts
from modelyard.supervision.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What the balancer knows of an endpoint."""

    is_ready: bool
    """Whether it said so when it was asked last."""
    takes_requests: bool
    """Whether it gets those that come, while it is ready."""
    active_requests: int


class Balancer:
    """Calls are safe from several threads and processes. Names are letters, digits, `-` and `_`."""

    def __init__(self, home: Home, supervisor: Supervisor) -> None:
        self._folder = home.balancer
        self._endpoints = home.balancer / "endpoints"
        self._addresses = AddressFiles(home.balancer / "addresses")
        self._envoy = EnvoyProcess(home.balancer, supervisor, name=BALANCER, stat_prefix=STAT_PREFIX)
        self._admin = self._envoy.admin()

    def addresses(self) -> Mapping[str, Address]:
        """Every address, with the endpoints that it shall have."""
        return self._addresses.all()

    def address(self, name: str) -> Address | None:
        """The address of this name."""
        return self._addresses.find(name)

    def put(self, name: str, host: str, port: int, endpoints: Sequence[Endpoint]) -> None:
        """Make these the endpoints of an address, which is taken if it is new; Envoy runs after this.

        No request is lost when one that leaves is marked as draining first, and stays until it is not `receiving`.

        Raises:
            Unavailable: code `port_taken`, when somebody else has the port; `balancer_full`, when this system has no
                room for another address; `envoy_missing`, `supervisor_unavailable`.
        """
        wanted = Address(host, port, tuple(endpoints))
        with self._locked():
            if self._addresses.find(name) is None:
                check_room(len(self._addresses.all()))
            self._envoy.run()
            self._claims(host).claim(name, port)
            self._addresses.write(name, wanted)
            self._write(name, wanted)

    def remove(self, name: str) -> None:
        """Give the address back. One that is not there: nothing to do. Its endpoints have drained before."""
        with self._locked():
            address = self._addresses.find(name)
            if address is None:
                return
            self._addresses.delete(name)
            others = self._addresses.all()
            self._write_listeners(others)
            self._write_clusters(others)
            for cluster in cluster_names(name):
                endpoints_file(self._endpoints, cluster).unlink(missing_ok=True)
            self._claims(address.host).release(name)

    def health(self) -> Mapping[tuple[str, int], EndpointHealth]:
        """Of every endpoint, by its host and port, of HTTP and of gRPC.

        Raises:
            Unavailable: code `envoy_unavailable`: it does not run, or starts.
        """
        return {
            _place(host): EndpointHealth(_is_ready(host), _takes_requests(host), _active(host))
            for _, host in self._hosts()
        }

    def receiving(self, name: str) -> frozenset[tuple[str, int]]:
        """Which endpoints of an address get new requests, by host and port; none while Envoy does not run."""
        clusters = cluster_names(name)
        try:
            hosts = [host for cluster, host in self._hosts() if cluster in clusters]
        except Unavailable:
            return frozenset()
        return frozenset(_place(host) for host in hosts if _takes_requests(host))

    def listening(self) -> frozenset[str]:
        """The names of the addresses where Envoy listens. Raises as `health`."""
        return self._admin.listeners()

    def _hosts(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            (cluster["name"], host) for cluster in self._admin.clusters() for host in cluster.get("host_statuses", [])
        ]

    def _write(self, name: str, address: Address) -> None:
        """Endpoints before the clusters that refer to them, and these before the listeners."""
        self._endpoints.mkdir(mode=0o700, exist_ok=True)
        for assignment in assignments(name, address):
            write_resources(endpoints_file(self._endpoints, assignment["cluster_name"]), [assignment])
        addresses = self._addresses.all()
        self._write_clusters(addresses)
        self._write_listeners(addresses)

    def _write_clusters(self, addresses: Mapping[str, Address]) -> None:
        every = [cluster for name in addresses for cluster in clusters(name, self._endpoints)]
        write_resources(self._envoy.clusters, every)

    def _write_listeners(self, addresses: Mapping[str, Address]) -> None:
        write_resources(self._envoy.listeners, [listener(name, address) for name, address in addresses.items()])

    def _claims(self, host: str) -> ServerPorts:
        return ServerPorts(self._folder / "ports", host=host)

    def _locked(self) -> AbstractContextManager[int]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return locked(self._folder / "lock")


def _place(host: Mapping[str, Any]) -> tuple[str, int]:
    place = host["address"]["socket_address"]
    return place["address"], place["port_value"]


def _is_ready(host: Mapping[str, Any]) -> bool:
    status = host.get("health_status", {})
    return not any(status.get(why) for why in ("failed_active_health_check", "pending_active_hc"))


def _takes_requests(host: Mapping[str, Any]) -> bool:
    return bool(host.get("health_status", {}).get("eds_health_status") != "DRAINING")


def _active(host: Mapping[str, Any]) -> int:
    return sum(int(stat.get("value", 0)) for stat in host.get("stats", []) if stat["name"] == "rq_active")
