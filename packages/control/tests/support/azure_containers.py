"""Azure's resource manager for tests, as far as container groups are made, read and deleted there.

A group that runs is a replica in a thread, at a port of its own. It keeps what Azure's documents say:
writes are accepted and done later, the list does not say what containers do, secrets are never given back.
"""

import copy
import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from azure_resource_manager import ResourceManagerHandler, resource_manager
from balanced_replicas import Replica

SUBSCRIPTION = "6f1e5f0a-0000-4000-8000-000000000001"
RESOURCE_GROUP = "ml"
_ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/"
_PROVIDER = "providers/Microsoft.ContainerInstance/containerGroups"
_GROUP = re.compile(rf"{re.escape(_ROOT)}(?P<rg>[^/]+)/{_PROVIDER}(?:/(?P<name>[^/]+)(?P<rest>/.*)?)?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass
class Group:
    """One container group."""

    body: dict[str, Any]
    port: int = 0
    provisioning: str = "Pending"
    state: str = "Pending"
    replica: Replica | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int | None = None
    restarts: int = 0
    started_at: str = ""
    log: str = ""

    def run(self) -> None:
        """Let its container run."""
        self.provisioning, self.state, self.exit_code = "Succeeded", "Running", None
        self.started_at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self.log += f"{self.started_at} stand-in serves\n"
        self.replica = Replica()

    def crash(self, exit_code: int) -> None:
        """Let its container end, as if it ended again and again."""
        self.end()
        self.exit_code, self.restarts, self.state = exit_code, self.restarts + 1, "Running"

    def end(self) -> None:
        """Nothing listens any more."""
        if self.replica is not None:
            self.replica.end()
            self.replica = None

    def view(self, *, with_instance: bool) -> dict[str, Any]:
        """As Azure gives it."""
        body = copy.deepcopy(self.body)
        properties = body["properties"]
        properties["provisioningState"] = self.provisioning
        if self.replica is not None:  # Azure gives the ports that were asked for; here each replica has another one.
            self.port = self.replica.server_port
        properties["ipAddress"]["ip"] = "127.0.0.1" if self.port else None
        properties["ipAddress"]["ports"] = [{"port": self.port}] if self.port else []
        for container in properties["containers"]:
            for variable in container["properties"].get("environmentVariables", []):
                variable.pop("secureValue", None)
            if with_instance:
                container["properties"]["instanceView"] = self._container_view()
        for credential in properties.get("imageRegistryCredentials", []):
            credential.pop("password", None)
        if with_instance:
            properties["instanceView"] = {"events": self.events, "state": self.state}
        return body

    def _container_view(self) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        current: dict[str, Any] = {"state": "Running", "startTime": self.started_at}
        if self.exit_code is not None:
            current = {"state": "Terminated", "exitCode": self.exit_code, "detailStatus": "Error", "finishTime": now}
        elif self.replica is None:
            current = {"state": "Waiting", "detailStatus": ""}
        return {"restartCount": self.restarts, "currentState": current, "events": []}


@dataclass
class ContainerGroupService:
    """It answers as Azure does, at `url`."""

    url: str = ""
    groups: dict[str, Group] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    refusal: str | None = None
    """Why the next group is not made after all."""
    throttles: bool = False
    delay_seconds: float = 0.2
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, name: str, body: dict[str, Any]) -> str:
        """Begin to make a group; the id of the operation. One that is there is started anew where it is."""
        with self.lock:
            self.puts.append(name)
            there = self.groups.get(name)
            if there is not None:
                there.end()
            body = {**body, "name": name, "id": f"{_ROOT}{RESOURCE_GROUP}/{_PROVIDER}/{name}"}
            made = self.groups[name] = Group(body)
            return self._begin(lambda: self._made(name, made))

    def delete(self, name: str) -> str:
        """Begin to delete a group."""
        leaving = self.groups[name]
        return self._begin(lambda: self._deleted(name, leaving))

    def start(self, name: str) -> str:
        """Begin to start one that is stopped."""
        return self._begin(self.groups[name].run)

    def stop(self, name: str) -> None:
        """As somebody else does it."""
        self.groups[name].end()
        self.groups[name].state = "Stopped"

    def _made(self, name: str, group: Group) -> dict[str, Any] | None:
        if self.groups.get(name) is not group:  # It was deleted meanwhile.
            return None
        if self.refusal is not None:
            del self.groups[name]
            return {"code": "ContainerGroupQuotaReached", "message": self.refusal}
        group.run()
        return None

    def _deleted(self, name: str, group: Group) -> None:
        if self.groups.get(name) is group:
            del self.groups[name]
            group.end()

    def _begin(self, act: Any) -> str:
        number = f"op-{next(self.numbers)}"
        self.operations[number] = {"id": number, "status": "InProgress"}

        def finish() -> None:
            time.sleep(self.delay_seconds)
            with self.lock:
                error = act()
                outcome = {"status": "Succeeded"} if error is None else {"status": "Failed", "error": error}
                self.operations[number] |= outcome

        threading.Thread(target=finish, daemon=True).start()
        return number


@contextmanager
def container_group_service() -> Iterator[ContainerGroupService]:
    """One on a free port of loopback."""
    service = ContainerGroupService()
    with resource_manager(_Handler, service) as url:
        service.url = url
        try:
            yield service
        finally:
            for group in service.groups.values():
                group.end()


class _Handler(ResourceManagerHandler):
    @property
    def service(self) -> ContainerGroupService:
        service: ContainerGroupService = self.server.service  # type: ignore[attr-defined]  # `resource_manager` says so.
        return service

    @property
    def throttles(self) -> bool:
        return self.service.throttles

    def act(self, path: str, query: dict[str, list[str]], content: bytes) -> None:
        if path.startswith("/operations/"):
            self.answer(200, self.service.operations[path.rpartition("/")[2]])
        elif (found := _GROUP.fullmatch(path)) is None:
            self.refuse(404, "NotFound", "There is no such resource.")
        elif found["rg"] != RESOURCE_GROUP:
            self.refuse(404, "ResourceGroupNotFound", f"Resource group '{found['rg']}' could not be found.")
        else:
            with self.service.lock:
                self._act(found["name"], found["rest"] or "", content)

    def _act(self, name: str | None, rest: str, content: bytes) -> None:
        if name is None:
            listed = [group.view(with_instance=False) for group in self.service.groups.values()]
            return self.answer(200, {"value": listed})
        group = self.service.groups.get(name)
        if self.command == "PUT":
            return self._put(name, json.loads(content), is_new=group is None)
        if self.command == "DELETE":
            return self.answer(204, None) if group is None else self._accept(self.service.delete(name))
        if group is None:
            said = f"The Resource '{_PROVIDER}/{name}' under resource group '{RESOURCE_GROUP}' was not found."
            return self.refuse(404, "ResourceNotFound", said)
        return self._read(name, group, rest)

    def _read(self, name: str, group: Group, rest: str) -> None:
        if rest == "/start":
            self._accept(self.service.start(name))
        elif rest == "/containers/server/logs":
            self.answer(200, {"content": group.log})
        else:
            self.answer(200, group.view(with_instance=True))

    def _put(self, name: str, body: dict[str, Any], *, is_new: bool) -> None:
        properties = body.get("properties", {})
        names_a_network = properties.get("ipAddress", {}).get("type") == "Public" or properties.get("subnetIds")
        if not _NAME.fullmatch(name) or not properties.get("containers") or not names_a_network:
            return self.refuse(400, "InvalidRequest", "The container group is not valid.")
        if any(set(tag) & set("<>%&\\?/") for tag in body.get("tags", {})):
            return self.refuse(400, "InvalidTagNameCharacters", "The tag names have invalid characters.")
        operation = self.service.put(name, body)
        headers = {"Azure-AsyncOperation": self._operation(operation), "Retry-After": "0"}
        return self.answer(201 if is_new else 200, self.service.groups[name].view(with_instance=True), **headers)

    def _accept(self, operation: str) -> None:
        self.answer(
            202, None, Location=self._operation(operation), **{"Azure-AsyncOperation": self._operation(operation)}
        )

    def _operation(self, number: str) -> str:
        return f"{self.service.url}/operations/{number}?api-version=2018-06-01"
