"""A node of the gateway in a thread of a test, with a real Envoy and a control plane that is a queue."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from modelyard.envoy.resources import typed
from modelyard.errors import Unavailable
from modelyard.gateway_node import ROUTES_NAME, Configuration
from modelyard.gateway_node.answer_log import AnsweredRequest
from modelyard.gateway_node.applying import Applying
from modelyard.gateway_node.comparer import ComparisonCounters
from modelyard.gateway_node.confirmation import Confirmation
from modelyard.gateway_node.control_plane import NodeReport
from modelyard.gateway_node.counters import BackendCounters
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.node import Node
from modelyard.gateway_node.process import NodeEnvoy
from modelyard.gateway_node.resource_files import ResourceFiles
from modelyard.gateway_node.settings import GatewayNodeSettings
from modelyard.gateway_node.usage import UsageReport

HOST = "127.0.0.1"
_NEVER = "0s"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(name: str, **fields: Any) -> dict[str, Any]:
    """A cluster whose endpoints come by EDS; HTTP/2 is spoken to one whose name ends in `grpc`."""
    protocol = "http2_protocol_options" if name.endswith("grpc") else "http_protocol_options"
    return typed(
        "envoy.config.cluster.v3.Cluster",
        name=name,
        type="EDS",
        connect_timeout="1s",
        typed_extension_protocol_options={_HTTP_OPTIONS: typed(_HTTP_OPTIONS, explicit_http_config={protocol: {}})},
        **fields,
    )


def assignment(name: str, *ports: int) -> dict[str, Any]:
    """The endpoints of a cluster, on this machine."""
    endpoints = [{"endpoint": {"address": {"socket_address": {"address": HOST, "port_value": port}}}} for port in ports]
    return typed(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        cluster_name=name,
        endpoints=[{"lb_endpoints": endpoints}],
    )


def weighted(weights: Mapping[str, int]) -> dict[str, Any]:
    """An action that divides requests between clusters."""
    shares = [{"name": name, "weight": weight} for name, weight in weights.items()]
    return {"timeout": _NEVER, "idle_timeout": _NEVER, "weighted_clusters": {"clusters": shares}}


def route(path: str, weights: Mapping[str, int], *, grpc: bool | None = None) -> dict[str, Any]:
    """A rule for everything below a path."""
    match: dict[str, Any] = {"prefix": path}
    if grpc:
        match["grpc"] = {}
    return {"name": f"{path}{'grpc' if grpc else ''}", "match": match, "route": weighted(weights)}


def configuration(
    backends: Mapping[str, Sequence[int]],
    routes: Sequence[Mapping[str, Any]],
    filters: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Configuration:
    """Clusters by name with their ports, and the rules that lead to them; `fields` are of all clusters."""
    return Configuration(
        clusters=tuple(cluster(name, **fields) for name in backends),
        endpoints=tuple(assignment(name, *ports) for name, ports in backends.items()),
        routes=typed(
            "envoy.config.route.v3.RouteConfiguration",
            name=ROUTES_NAME,
            virtual_hosts=[{"name": "all", "domains": ["*"], "routes": list(routes)}],
        ),
        filters=filters or {},
    )


class QueueControlPlane:
    """Gives what was published last; may be away."""

    def __init__(self) -> None:
        self.reports: list[NodeReport] = []
        self.answered: list[AnsweredRequest] = []
        self.counted: Sequence[BackendCounters] = ()
        self.usage: list[UsageReport] = []
        self.compared: Sequence[ComparisonCounters] = ()
        self.is_away = False
        self._newest: Configuration | None = None
        self._changed = threading.Condition()

    def publish(self, newest: Configuration) -> None:
        """Make this the newest."""
        with self._changed:
            self._newest = newest
            self._changed.notify_all()

    def newer(self, seen: str | None) -> Configuration | None:
        """See the port."""
        with self._changed:
            self._refuse_away()
            if self._newest is None or self._newest.digest == seen:
                self._changed.wait(0.5)
            self._refuse_away()
            return None if self._newest is None or self._newest.digest == seen else self._newest

    def report(self, report: NodeReport) -> None:
        """See the port."""
        self._refuse_away()
        self.reports.append(report)

    def count(self, counters: Sequence[BackendCounters], comparisons: Sequence[ComparisonCounters]) -> None:
        """See the port."""
        self._refuse_away()
        self.counted, self.compared = counters, comparisons

    def note_answers(self, answers: Sequence[AnsweredRequest]) -> None:
        """See the port."""
        self._refuse_away()
        self.answered.extend(answers)

    def note_usage(self, report: UsageReport) -> None:
        """See the port."""
        self._refuse_away()
        self.usage.append(report)

    def _refuse_away(self) -> None:
        if self.is_away:
            raise Unavailable("the control plane is away", code="control_plane_unavailable")


class RunningNode:
    """A node in a thread. `kill` leaves its Envoy as a node that dies does."""

    def __init__(
        self, folder: Path, port: int, control_plane: QueueControlPlane | None = None, **settings: Any
    ) -> None:
        self.folder = NodeFolder(folder)
        self.control_plane = control_plane or QueueControlPlane()
        self.settings = GatewayNodeSettings(host=HOST, port=port, node="node-1", threads=1, **settings)
        self.url = f"http://{HOST}:{port}"
        self.failure: BaseException | None = None
        self.folder.make()
        self.envoy = NodeEnvoy(self.folder, self.settings)
        confirmation = Confirmation(self.envoy.admin, self.folder.log)
        self.node = Node(
            folder=self.folder,
            settings=self.settings,
            envoy=self.envoy,
            applying=Applying(ResourceFiles(self.folder), confirmation, is_running=self.envoy.is_running),
            control_plane=self.control_plane,
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()
        self._thread.join(30)

    def kill(self) -> None:
        """End the node and leave its Envoy."""
        leave = self.envoy.stop
        self.envoy.stop = lambda: None  # type: ignore[method-assign]
        self.__exit__()
        self.envoy.stop = leave  # type: ignore[method-assign]
        if (child := self.envoy._child) is not None:  # Elsewhere the system collects what it leaves.
            threading.Thread(target=child.wait, daemon=True).start()

    def publish(self, newest: Configuration) -> NodeReport:
        """Publish it and give what the node reports of it."""
        before = len(self.control_plane.reports)
        self.control_plane.publish(newest)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for report in self.control_plane.reports[before:]:
                if newest.digest in {report.running, report.refused}:
                    return report
            assert self.failure is None, self.failure
            time.sleep(0.005)
        raise AssertionError(f"no word of the configuration: {self.control_plane.reports[-1:]}")

    def _run(self) -> None:
        try:
            self.node.run()
        except BaseException as exc:  # noqa: BLE001  # The test looks at it.
            self.failure = exc
            with suppress(Exception):
                self.envoy.stop()
