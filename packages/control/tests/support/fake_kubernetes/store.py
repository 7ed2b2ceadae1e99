"""The objects of the fake cluster: names, versions, owners of fields, selectors, watches."""

import fnmatch
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fake_kubernetes.merge import (
    Fields,
    changed,
    fields_of,
    merged,
    readable,
    to_fields_v1,
    value_at,
    without,
)
from fake_kubernetes.schemas import problems, schema_of

Object = dict[str, Any]

_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Kind:
    """A kind of objects that the cluster has."""

    api_version: str
    name: str
    plural: str
    is_namespaced: bool = True
    has_scale: bool = False
    short: str = ""


KINDS = (
    Kind("v1", "Namespace", "namespaces", is_namespaced=False, short="ns"),
    Kind("v1", "Node", "nodes", is_namespaced=False, short="no"),
    Kind("v1", "Service", "services", short="svc"),
    Kind("v1", "Pod", "pods", short="po"),
    Kind("v1", "Event", "events", short="ev"),
    Kind("v1", "Secret", "secrets"),
    Kind("apps/v1", "Deployment", "deployments", has_scale=True, short="deploy"),
    Kind("apps/v1", "ReplicaSet", "replicasets", short="rs"),
    Kind("batch/v1", "Job", "jobs"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", short="hpa"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", short="pdb"),
    Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors"),
)


class Refused(Exception):
    """An error as the API reports it."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details


@dataclass
class _Entry:
    content: Object
    owners: dict[tuple[str, str, str], Fields] = field(default_factory=dict)
    """By manager, operation and subresource."""


class Store:
    """Every object, behind one lock. A change wakes those that watch."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._entries: dict[tuple[Kind, str, str], _Entry] = {}
        self._version = 1
        self.history: list[tuple[int, str, Kind, Object]] = []

    @property
    def version(self) -> str:
        """Of all that is there now."""
        return str(self._version)

    def find(self, kind: Kind, namespace: str, name: str) -> Object:
        """A copy of one object."""
        with self.lock:
            return deepcopy(self._entry(kind, namespace, name).content)

    def all(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> list[Object]:
        """Copies of the objects that the selectors name."""
        with self.lock:
            return [
                deepcopy(entry.content)
                for (of, where, _), entry in sorted(self._entries.items(), key=lambda one: one[0][1:])
                if of == kind and namespace in {"", where} and selects(labels, fields, entry.content)
            ]

    def create(self, kind: Kind, content: Object, *, manager: str) -> Object:
        """A new object."""
        with self.lock:
            key = self._key(kind, content)
            if key in self._entries:
                raise Refused(409, "AlreadyExists", f'{kind.plural} "{key[2]}" already exists')
            return self._add(kind, key, content, (manager, "Update", ""))

    def update(
        self, kind: Kind, namespace: str, name: str, change: Callable[[Object], Object], *, manager: str, sub: str = ""
    ) -> Object:
        """What PUT, a patch or a controller does; what is changed becomes the manager's alone."""
        with self.lock:
            entry = self._entry(kind, namespace, name)
            before, after = entry.content, change(deepcopy(entry.content))
            schema = schema_of(kind.api_version, kind.name)
            if sub != "status":
                fields = changed(_managed(before), _managed(after), schema)
                gone = fields_of(_managed(before), schema) - fields_of(_managed(after), schema)
                own = entry.owners.get((manager, "Update", sub), frozenset())
                entry.owners = {key: owned - fields - gone for key, owned in entry.owners.items()}
                entry.owners[manager, "Update", sub] = (own | fields) - gone
            return self._change(kind, entry, after)

    def apply(self, kind: Kind, content: Object, *, manager: str, is_forced: bool) -> Object:
        """Server-side apply."""
        with self.lock:
            key, owner = self._key(kind, content), (manager, "Apply", "")
            entry = self._entries.get(key)
            if entry is None:
                return self._add(kind, key, content, owner)
            schema = schema_of(kind.api_version, kind.name)
            wanted = fields_of(_managed(content), schema)
            others = {one: owned for one, owned in entry.owners.items() if one != owner}
            conflicts = {
                (one, path)
                for one, owned in others.items()
                for path in wanted & owned
                if value_at(entry.content, path, schema) != value_at(content, path, schema)
            }
            if conflicts and not is_forced:
                raise _conflict(conflicts)
            for one, path in conflicts:
                entry.owners[one] -= {path}
            kept: Fields = frozenset().union(*(entry.owners[one] for one in others))
            dropped = entry.owners.get(owner, frozenset()) - wanted - kept
            entry.owners[owner] = wanted
            return self._change(kind, entry, merged(without(entry.content, dropped, schema), content, schema))

    def delete(self, kind: Kind, namespace: str, name: str, options: Mapping[str, Any]) -> Object:
        """Mark it as going; controllers take it away when what it has made is gone."""
        with self.lock:
            entry = self._entry(kind, namespace, name)
            wanted = options.get("preconditions", {}).get("uid")
            if wanted not in {None, entry.content["metadata"]["uid"]}:
                raise Refused(409, "Conflict", f"the UID in the precondition ({wanted}) does not match")
            is_waiting = kind.name == "Pod" or (
                kind.name == "Deployment" and options.get("propagationPolicy") == "Foreground"
            )
            if not is_waiting:
                self.drop(kind, namespace, name)
                return deepcopy(entry.content)
            content = deepcopy(entry.content)
            content["metadata"].setdefault("deletionTimestamp", now())
            return self._change(kind, entry, content)

    def drop(self, kind: Kind, namespace: str, name: str) -> None:
        """Take an object away at once."""
        with self.lock:
            entry = self._entries.pop((kind, namespace, name), None)
            if entry is not None:
                self._note("DELETED", kind, entry.content)

    def watch(self, since: int, kind: Kind, seconds: float) -> Iterator[tuple[str, Object]]:
        """What changes after a version, for some seconds."""
        deadline = datetime.now(UTC).timestamp() + seconds
        while datetime.now(UTC).timestamp() < deadline:
            with self.changed:
                found = [one for one in self.history if one[0] > since and one[2] == kind]
                if not found:
                    self.changed.wait(0.2)
            for version, event, _, content in found:
                since = version
                yield event, content

    def _entry(self, kind: Kind, namespace: str, name: str) -> _Entry:
        entry = self._entries.get((kind, namespace, name))
        if entry is None:
            raise Refused(404, "NotFound", f'{kind.plural} "{name}" not found', name=name, kind=kind.plural)
        return entry

    def _key(self, kind: Kind, content: Object) -> tuple[Kind, str, str]:
        name, namespace = content["metadata"]["name"], content["metadata"].get("namespace", "")
        if not _DNS_LABEL.fullmatch(name) and kind.name in {"Service", "Namespace", "Pod"}:
            raise Refused(422, "Invalid", f'{kind.name} "{name}" is invalid: metadata.name: Invalid value')
        if kind.is_namespaced and not any(one["metadata"]["name"] == namespace for one in self.all(_NAMESPACE)):
            raise Refused(404, "NotFound", f'namespaces "{namespace}" not found', name=namespace, kind="namespaces")
        return kind, namespace if kind.is_namespaced else "", name

    def _add(self, kind: Kind, key: tuple[Kind, str, str], content: Object, owner: tuple[str, str, str]) -> Object:
        fields = fields_of(_managed(content), schema_of(kind.api_version, kind.name))
        content = deepcopy(content)
        content["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 0}
        entry = _Entry({}, {owner: fields})
        found = self._change(kind, entry, content)
        self._entries[key] = entry
        return found

    def _change(self, kind: Kind, entry: _Entry, content: Object) -> Object:
        before = entry.content
        default(kind, content)
        _validate(kind, before, content)
        if before and {**content, "metadata": {**content["metadata"], "managedFields": None}} == {
            **before,
            "metadata": {**before["metadata"], "managedFields": None},
        }:
            content = before
        else:
            self._version += 1
            content["metadata"]["resourceVersion"] = str(self._version)
            if content.get("spec") != before.get("spec"):
                content["metadata"]["generation"] += 1
        content["metadata"]["managedFields"] = [
            {
                "manager": manager,
                "operation": operation,
                "apiVersion": kind.api_version,
                "fieldsType": "FieldsV1",
                "fieldsV1": to_fields_v1(owned),
                **({"subresource": sub} if sub else {}),
            }
            for (manager, operation, sub), owned in entry.owners.items()
            if owned
        ]
        entry.content = content
        self._note("MODIFIED" if before else "ADDED", kind, content)
        return deepcopy(content)

    def _note(self, event: str, kind: Kind, content: Object) -> None:
        if event == "DELETED":
            self._version += 1
            content["metadata"]["resourceVersion"] = str(self._version)
        self.history.append((self._version, event, kind, deepcopy(content)))
        self.changed.notify_all()


_NAMESPACE = KINDS[0]
_addresses = iter(range(1, 1 << 16))


def now() -> str:
    """As the API writes a time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def selects(labels: str, fields: str, content: Object) -> bool:
    """Whether an object is one of those that the selectors name."""
    has = content["metadata"].get("labels") or {}
    for one in filter(None, labels.split(",")):
        name, equals, value = one.partition("=")
        if name not in has or (equals and has[name] != value.lstrip("=")):
            return False
    for one in filter(None, fields.split(",")):
        path, _, value = one.partition("=")
        found: Any = content
        for part in path.split("."):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        if not fnmatch.fnmatchcase(str(found), value):
            return False
    return True


def default(kind: Kind, content: Object) -> None:
    """What the API server fills in, as far as anybody here looks at it."""
    spec = content.get("spec", {})
    if kind.name == "Deployment":
        spec.setdefault("replicas", 1)
    if kind.name == "Service":
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("clusterIP", f"10.0.{(number := next(_addresses)) // 250}.{number % 250 + 1}")
        for number, port in enumerate(spec.get("ports", [])):
            if spec["type"] != "ClusterIP":
                port.setdefault("nodePort", 30000 + (hash(content["metadata"]["uid"]) + number) % 2768)


def _validate(kind: Kind, before: Object, after: Object) -> None:
    if kind.name == "Deployment" and "template" not in after.get("spec", {}):
        raise Refused(422, "Invalid", "spec.template: Required value")
    found = list(problems(_managed(after)))
    if before and kind.name == "Deployment" and before["spec"]["selector"] != after["spec"]["selector"]:
        found.append(("spec.selector", "field is immutable"))
    if found:
        name = after["metadata"]["name"]
        listed = "; ".join(f"{place}: {message}" for place, message in found)
        raise Refused(422, "Invalid", f'{kind.name} "{name}" is invalid: {listed}')


def _managed(content: Object) -> Object:
    """The object without what the API server itself keeps in it."""
    own = {"uid", "creationTimestamp", "generation", "resourceVersion", "managedFields", "deletionTimestamp"}
    metadata = {name: value for name, value in content["metadata"].items() if name not in own}
    return {**{name: value for name, value in content.items() if name != "status"}, "metadata": metadata}


def _conflict(conflicts: set[tuple[tuple[str, str, str], tuple[str, ...]]]) -> Refused:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {json.dumps(manager)}" + (" with subresource " + json.dumps(sub) if sub else ""),
            "field": readable(path),
        }
        for (manager, _, sub), path in sorted(conflicts)
    ]
    listed = "\n".join(f"{one['message']}: {one['field']}" for one in causes)
    text = f"Apply failed with {len(causes)} conflict{'s' * (len(causes) != 1)}: {listed}"
    return Refused(409, "Conflict", text, causes=causes)
