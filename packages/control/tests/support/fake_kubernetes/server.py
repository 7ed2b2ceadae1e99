"""The HTTP side of the fake cluster: discovery, verbs, watches, scale, logs."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from fake_kubernetes.controllers import Behaviour, Controllers
from fake_kubernetes.store import KINDS, Kind, Object, Refused, Store

_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[^/]+))?)?"
)
_TOKEN = "fake-token"


@dataclass
class FakeCluster:
    """A cluster that runs."""

    url: str
    store: Store
    behaviour: Behaviour
    controllers: Controllers
    hidden: set[str]
    """API versions that it does not offer."""
    requests: list[str]
    is_away: bool = False
    """Connections are closed without an answer."""

    def write_kubeconfig(self, path: Path) -> Path:
        """The configuration with which it is reached."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "admin", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "admin"}}],
            "current-context": "fake",
        }
        path.write_text(yaml.safe_dump(content))
        return path

    def objects(self, name: str) -> list[Object]:
        """All of a kind."""
        return self.store.all(next(kind for kind in KINDS if kind.name == name))


@contextmanager
def fake_cluster(*, hidden: set[str] | None = None) -> Iterator[FakeCluster]:
    """A cluster with the namespace `default`, on a free port of loopback."""
    store, behaviour = Store(), Behaviour()
    controllers = Controllers(store, behaviour)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    url = f"http://127.0.0.1:{server.server_port}"
    cluster = FakeCluster(url, store, behaviour, controllers, hidden or set(), [])
    server.cluster = cluster  # type: ignore[attr-defined]  # Its handlers find it there.
    for name in ("default", "kube-system"):
        content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        store.create(KINDS[0], content, manager="kube-apiserver")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    controllers.start()
    try:
        yield cluster
    finally:
        controllers.stop()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _cluster(self) -> FakeCluster:
        cluster: FakeCluster = self.server.cluster  # type: ignore[attr-defined]  # As above.
        return cluster

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *args: Any) -> None:
        """Requests are kept in `requests`."""

    def _answer(self) -> None:
        address = urlsplit(self.path)
        self._query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self._body = self.rfile.read(length)
        if self._cluster.is_away:
            self.close_connection = True
            return
        self._cluster.requests.append(f"{self.command} {self.path}")
        try:
            self._authenticate()
            found = _discovery(address.path, self._cluster.hidden)
            if found is not None:
                self._send(200, found)
                return
            self._resource(address.path)
        except Refused as exc:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": exc.code}
            self._send(exc.code, {**status, "reason": exc.reason, "message": exc.message, "details": exc.details})

    def _authenticate(self) -> None:
        # kubectl sends no token over plain HTTP.
        if self.headers.get("Authorization") not in {None, f"Bearer {_TOKEN}"}:
            raise Refused(401, "Unauthorized", "Unauthorized")

    def _resource(self, path: str) -> None:
        found = _PATH.fullmatch(path)
        kind = None if found is None else _kind(found["core"] or found["group"], found["plural"], self._cluster.hidden)
        if found is None or kind is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        namespace, name, sub = found["namespace"] or "", found["name"], found["sub"]
        match self.command, sub:
            case "GET", None if name is None and "watch" in self._query:
                self._watch(kind, namespace)
            case "GET", None if name is None:
                self._list(kind, namespace)
            case "GET", None:
                self._send(200, self._cluster.store.find(kind, namespace, name))
            case "GET", "log":
                self._log(kind, namespace, name)
            case _, "scale":
                self._scale(kind, namespace, name)
            case "POST", None:
                content = self._content() | {"apiVersion": kind.api_version, "kind": kind.name}
                content["metadata"].setdefault("namespace", namespace)
                self._send(201, self._cluster.store.create(kind, content, manager=self._manager()))
            case "PATCH" | "PUT", (None | "status"):
                self._send(200, self._change(kind, namespace, name, sub or ""))
            case "DELETE", None:
                options = json.loads(self._body or b"{}")
                self._send(200, self._cluster.store.delete(kind, namespace, name, options))
            case _:
                raise Refused(405, "MethodNotAllowed", "the server does not allow this method")

    def _list(self, kind: Kind, namespace: str) -> None:
        """In pages, if the caller wants them."""
        labels, fields = self._query.get("labelSelector", ""), self._query.get("fieldSelector", "")
        items = self._cluster.store.all(kind, namespace, labels, fields)
        start, limit = int(self._query.get("continue") or 0), int(self._query.get("limit") or 0)
        page = items[start : start + limit] if limit else items
        metadata = {"resourceVersion": self._cluster.store.version}
        if limit and start + limit < len(items):
            metadata["continue"] = str(start + limit)
        self._send(
            200, {"apiVersion": kind.api_version, "kind": f"{kind.name}List", "metadata": metadata, "items": page}
        )

    def _change(self, kind: Kind, namespace: str, name: str, sub: str) -> Object:
        store, content = self._cluster.store, self._content()
        kind_of_patch = self.headers.get("Content-Type", "").partition(";")[0]
        if kind_of_patch == "application/apply-patch+yaml":
            if "fieldManager" not in self._query:
                raise Refused(400, "BadRequest", "fieldManager is required for apply patch")
            content["metadata"] = {"name": name, **content["metadata"]}
            if kind.is_namespaced:
                content["metadata"].setdefault("namespace", namespace)
            is_forced = self._query.get("force") == "true"
            return store.apply(kind, content, manager=self._query["fieldManager"], is_forced=is_forced)
        if self.command == "PUT":
            return store.update(kind, namespace, name, lambda _: content, manager=self._manager(), sub=sub)
        # None of the tests' patches has a list, where a strategic merge would differ from a plain one.
        return store.update(
            kind, namespace, name, lambda live: _merge_patch(live, content), manager=self._manager(), sub=sub
        )

    def _scale(self, kind: Kind, namespace: str, name: str) -> None:
        store = self._cluster.store
        if not kind.has_scale:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if self.command != "GET":
            replicas = self._content()["spec"]["replicas"]

            def scaled(content: Object) -> Object:
                return {**content, "spec": {**content["spec"], "replicas": replicas}}

            store.update(kind, namespace, name, scaled, manager=self._manager(), sub="scale")
        found = store.find(kind, namespace, name)
        metadata = {key: found["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata}
        status = {"replicas": found.get("status", {}).get("replicas", 0)}
        self._send(200, {**scale, "spec": {"replicas": found["spec"]["replicas"]}, "status": status})

    def _log(self, kind: Kind, namespace: str, name: str) -> None:
        pod = self._cluster.store.find(kind, namespace, name)
        written = self._cluster.behaviour.logs.get(pod["metadata"]["uid"])
        if written is None or "previous" in self._query:
            raise Refused(400, "BadRequest", f'container "server" in pod "{name}" is waiting to start')
        lines = [
            line for line in written.splitlines(keepends=True) if line[:19] >= self._query.get("sinceTime", "")[:19]
        ]
        if self._query.get("timestamps") != "true":
            lines = [line.partition(" ")[2] for line in lines]
        self._send_bytes(200, "".join(lines).encode(), "text/plain")

    def _watch(self, kind: Kind, namespace: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        labels, fields = self._query.get("labelSelector", ""), self._query.get("fieldSelector", "")
        chosen = [
            one
            for one in self._cluster.store.all(kind, namespace, labels, fields)
            if "resourceVersion" not in self._query
        ]
        since = int(self._query.get("resourceVersion") or self._cluster.store.version)
        seconds = float(self._query.get("timeoutSeconds") or 30)
        ids = {one["metadata"]["uid"] for one in self._cluster.store.all(kind, namespace, labels, fields)}
        events: Iterator[tuple[str, Object]] = self._cluster.store.watch(since, kind, min(seconds, 30))
        try:
            for one in chosen:
                self._send_event("ADDED", one)
            for event, content in events:
                if content["metadata"]["uid"] in ids or event == "ADDED":
                    self._send_event(event, content)
        except OSError:
            return

    def _send_event(self, event: str, content: Object) -> None:
        self.wfile.write(json.dumps({"type": event, "object": content}).encode() + b"\n")
        self.wfile.flush()

    def _content(self) -> Object:
        content: Object = yaml.safe_load(self._body)
        return content

    def _manager(self) -> str:
        return self._query.get("fieldManager") or self.headers.get("User-Agent", "unknown").partition("/")[0]

    def _send(self, code: int, content: Mapping[str, Any]) -> None:
        self._send_bytes(code, json.dumps(content).encode(), "application/json")

    def _send_bytes(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _kind(api_version: str, plural: str, hidden: set[str]) -> Kind | None:
    if api_version in hidden:
        return None
    return next((kind for kind in KINDS if (kind.api_version, kind.plural) == (api_version, plural)), None)


def _discovery(path: str, hidden: set[str]) -> Mapping[str, Any] | None:
    versions = sorted({kind.api_version for kind in KINDS if "/" in kind.api_version} - hidden)
    match path.strip("/").split("/"):
        case ["version"]:
            return {"major": "1", "minor": "37", "gitVersion": "v1.37.0", "platform": "linux/amd64"}
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            groups = [
                {"name": one.partition("/")[0], "versions": [_version(one)], "preferredVersion": _version(one)}
                for one in versions
            ]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["api", "v1"]:
            return _resources("v1")
        case ["apis", group, version] if f"{group}/{version}" in versions:
            return _resources(f"{group}/{version}")
        case _:
            return None


def _version(api_version: str) -> Mapping[str, str]:
    return {"groupVersion": api_version, "version": api_version.partition("/")[2]}


def _resources(api_version: str) -> Mapping[str, Any]:
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    listed = []
    for kind in (one for one in KINDS if one.api_version == api_version):
        entry = {"name": kind.plural, "singularName": kind.name.lower(), "namespaced": kind.is_namespaced}
        listed.append({**entry, "kind": kind.name, "verbs": verbs, "shortNames": [kind.short] if kind.short else []})
        if kind.has_scale:
            scale = {"name": f"{kind.plural}/scale", "singularName": "", "namespaced": True, "kind": "Scale"}
            listed.append({**scale, "group": "autoscaling", "version": "v1", "verbs": ["get", "patch", "update"]})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": listed}


def _merge_patch(live: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    found = dict(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merge_patch(found.get(name), value)
    return found
