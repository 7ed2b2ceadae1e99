"""No request is lost by a push: a real node with a real Envoy, under load, while its configuration changes.

The whole of it, 1,000 pushes: `MODELYARD_TEST_PUSHES=1000 pytest packages/control/tests/gateway_node/test_pushes.py`.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gateway_publisher
import httpx
import psutil
import pytest
from gateway_load import HOST, Load, Version
from gateway_nodes import configuration, route
from ports import find_free_port
from tls_pairs import write_pair

from modelyard.db import Database
from modelyard.envoy.resources import typed
from modelyard.gateway.publishing.domain import PublicationState
from modelyard.gateway_node import FILTERS, Configuration, RouteRun
from modelyard.gateway_node.applying import LINGER_SECONDS
from modelyard.home import Home
from modelyard.supervision.waiting import until

PUSHES = int(os.environ.get("MODELYARD_TEST_PUSHES", "40"))
KEY = "k" * 40
_PUBLISHER = Path(gateway_publisher.__file__)
_LUA = "envoy.extensions.filters.http.lua.v3.Lua"


@dataclass
class Installation:
    """A control plane and a node, each a process, with ports of their own."""

    home: Home
    control_port: int = field(default_factory=find_free_port)
    port: int = field(default_factory=find_free_port)
    tls_port: int = field(default_factory=find_free_port)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start_control_plane(self) -> None:
        """Start it and wait until it answers."""
        self._start("control", str(_PUBLISHER), str(self.home.root), str(self.control_port), KEY)
        assert until(lambda: _answers(f"http://{HOST}:{self.control_port}/health/live"), seconds=60)

    def start_node(self) -> None:
        """Start it; nothing is waited for."""
        self._start("node", "-m", "modelyard.gateway_node")

    def kill(self, name: str) -> None:
        """As by `kill -9`."""
        self.processes[name].kill()
        self.processes[name].wait()

    def end(self) -> None:
        """End both, as a system does."""
        for process in reversed(list(self.processes.values())):
            process.terminate()
            process.wait(30)

    def _start(self, name: str, *words: str) -> None:
        own = {
            "MODELYARD_HOME": str(self.home.root),
            "MODELYARD_GATEWAY_PORT": str(self.port),
            "MODELYARD_GATEWAY_TLS_PORT": str(self.tls_port),
            "MODELYARD_GATEWAY_TLS_CERTIFICATE": str(self.home.root / "tls.crt"),
            "MODELYARD_GATEWAY_TLS_KEY": str(self.home.root / "tls.key"),
            "MODELYARD_GATEWAY_KEY": KEY,
            "MODELYARD_GATEWAY_CONTROL_URL": f"http://{HOST}:{self.control_port}",
        }
        with (self.home.root / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-P", *words], env=os.environ | own, stdout=log, stderr=log
            )


@pytest.fixture
def installation(home: Home) -> Iterator[Installation]:
    home.make()
    Database(f"sqlite:///{home.database_file}").migrate()
    write_pair(home.root, 0)
    installation = Installation(home)
    installation.start_control_plane()
    installation.start_node()
    yield installation
    installation.end()
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(home.gateway) in str(each.info["cmdline"])]


class Pusher:
    """Changes everything that can change, one thing after the other, and knows which versions are there."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self._installation = installation
        self._publishing = gateway_publisher.publishing_of(installation.home.root)
        self._random = random.Random(seed)
        self.versions: dict[int, Version] = {}
        self._weights: dict[int, int] = {}
        self._released = 0
        self._keys = 0
        self._certificates = 0
        self._stopping: list[asyncio.Task[None]] = []
        self.done: Counter[str] = Counter()

    async def begin(self) -> None:
        """Two versions."""
        await self._add()
        await self._add()
        self._released = 1
        await self.push("begin")

    async def push_one(self) -> None:
        """Change something that is chosen by chance."""
        kinds: dict[str, Callable[[], Any]] = {
            "weights": self._weigh,
            "new version": self._add,
            "removed version": self._remove,
            "release": self._release,
            "keys": self._change_keys,
            "certificate": self._change_certificate,
            "refused": self._publish_nonsense,
            "refused part": self._publish_bad_part,
        }
        names = [name for name in kinds if name != "removed version" or len(self._weights) > 1]
        kind = self._random.choice([name for name in names if name != "new version" or len(self._weights) < 5])
        gone = await kinds[kind]()
        await self.push(kind)
        if isinstance(gone, Version):
            gone.retired_at = time.monotonic()
            self._stopping.append(asyncio.create_task(self._stop(gone)))

    async def push(self, kind: str) -> None:
        """Publish what shall be, and wait until the node runs it."""
        newest = self._configuration()
        await asyncio.to_thread(self._publishing.publish, newest)
        await asyncio.to_thread(self._wait, newest, PublicationState.APPLIED)
        self.done[kind] += 1

    async def end(self) -> None:
        """Stop all versions."""
        await asyncio.gather(*self._stopping, *(self.versions[number].stop() for number in self._weights))

    def _configuration(self) -> Configuration:
        alive = [self.versions[number] for number in self._weights]
        http = {f"v{one.number}-http": [one.port] for one in alive}
        calls = {f"v{one.number}-grpc": [one.grpc_port] for one in alive}
        shares = {f"v{number}-http": weight for number, weight in self._weights.items()}
        grpc_shares = {f"v{number}-grpc": weight for number, weight in self._weights.items()}
        routes = [
            route("/release", {f"v{self._released}-http": 1}),
            route("/", grpc_shares, grpc=True),
            route("/m", shares),
        ]
        script = {"default_source_code": {"inline_string": f"-- {self._keys}"}}
        filters = {each.name: typed(_LUA, **script) for each in FILTERS if each.message == _LUA}
        return configuration(http | calls, routes, filters)

    def _wait(self, wanted: Configuration, state: PublicationState) -> None:
        def is_there() -> bool:
            status = self._publishing.status()
            return bool(status.newest and status.newest.digest == wanted.digest and status.state is state)

        assert until(is_there, seconds=60), self._publishing.status()

    async def _weigh(self) -> None:
        self._weights = {number: self._random.randint(1, 100) for number in self._weights}

    async def _add(self) -> None:
        version = Version(len(self.versions) + 1)
        await version.start()
        self.versions[version.number] = version
        self._weights[version.number] = self._random.randint(1, 100)

    async def _remove(self) -> Version:
        number = self._random.choice(list(self._weights))
        del self._weights[number]
        if self._released == number:
            self._released = self._random.choice(list(self._weights))
        return self.versions[number]

    async def _release(self) -> None:
        self._released = self._random.choice(list(self._weights))

    async def _change_keys(self) -> None:
        self._keys += 1

    async def _change_certificate(self) -> None:
        self._certificates += 1
        write_pair(self._installation.home.root, self._certificates)

    async def _publish_nonsense(self) -> None:
        bad = configuration({}, [route("/", {f"nowhere-{self.done.total()}": 1})])
        await asyncio.to_thread(self._publishing.publish, bad)
        await asyncio.to_thread(self._wait, bad, PublicationState.REFUSED)

    async def _publish_bad_part(self) -> None:
        """What belongs to one tenant leads nowhere; all else is taken."""
        good = self._configuration()
        [host] = good.routes["virtual_hosts"]
        bad = route("/bad", {f"nowhere-{self.done.total()}": 1})
        mixed = replace(
            good,
            routes={**good.routes, "virtual_hosts": [{**host, "routes": [*host["routes"], bad]}]},
            runs=(RouteRun(None, (0,), len(host["routes"])), RouteRun("acme/models/bad", (1,), 1)),
        )
        await asyncio.to_thread(self._publishing.publish, mixed)
        await asyncio.to_thread(self._wait, mixed, PublicationState.APPLIED)

    async def _stop(self, version: Version) -> None:
        await asyncio.sleep(LINGER_SECONDS + 2)
        await version.stop()


class TestPushes:
    def test_no_request_is_lost_and_none_is_answered_by_a_version_that_has_gone(
        self, installation: Installation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        load, done = asyncio.run(_run(installation, PUSHES))
        said = f"{done.total()} pushes {dict(done)}, {dict(load.answered)} answers, {load.connections} connections"
        with capsys.disabled():
            sys.stdout.write(f"\n{said}\n")
        assert load.lost == []
        assert load.stale == []
        assert load.connections == 16  # No connection was closed for a push.
        assert min(load.answered[kind] for kind in ("http", "https", "grpc")) > 10


async def _run(installation: Installation, pushes: int) -> tuple[Load, Counter[str]]:
    """The load, and how often what was changed. Halfway the control plane is killed, then the node is."""
    pusher = Pusher(installation, seed=1)
    await pusher.begin()
    load = Load(installation.port, installation.tls_port, pusher.versions)
    calling = asyncio.create_task(load.run(http=8, tls=4, grpc_calls=4))
    try:
        for number in range(pushes):
            if number == pushes // 3:
                installation.kill("control")
                await asyncio.sleep(1)
                await asyncio.to_thread(installation.start_control_plane)
            if number == 2 * pushes // 3:
                installation.kill("node")
                await asyncio.sleep(0.5)
                installation.start_node()
            await pusher.push_one()
    finally:
        load.is_over = True
        await calling
        await pusher.end()
    return load, pusher.done


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
