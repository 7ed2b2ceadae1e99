"""The API server of one cluster: objects, and logs and ports of pods. It turns errors into ours, and knows no model.

lightkube finds and authenticates the cluster. Its own client has no `sinceTime` and `previous` for logs and no way to
ask which APIs a cluster offers, and objects are plain mappings here; so requests are made here, over its HTTP client.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote

import httpx2

from modelyard.errors import Conflict, Invalid, ModelyardError, Unavailable

Object = Mapping[str, Any]

_PAGE = 500
_OFFERED_SECONDS = 60.0
_SHOWN = 500
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of objects, as the API names it."""

    api_version: str
    plural: str

    @property
    def root(self) -> str:
        """The path of its API."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"


NAMESPACES = Resource("v1", "namespaces")
SERVICES = Resource("v1", "services")
PODS = Resource("v1", "pods")
SECRETS = Resource("v1", "secrets")
JOBS = Resource("batch/v1", "jobs")
EVENTS = Resource("v1", "events")
DEPLOYMENTS = Resource("apps/v1", "deployments")
AUTOSCALERS = Resource("autoscaling/v2", "horizontalpodautoscalers")
POD_MONITORS = Resource("monitoring.coreos.com/v1", "podmonitors")


class ClusterApi:
    """Calls that take seconds at most. Several threads may call at once.

    Args:
        connect: makes the client when it is first needed. What it raises goes to the caller, and it is called again.
    """

    def __init__(self, connect: Callable[[], httpx2.Client]) -> None:
        self._connect = connect
        self._client: httpx2.Client | None = None
        self._connecting = Lock()
        self._offered: dict[Resource, tuple[float, bool]] = {}

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()

    def find(self, resource: Resource, name: str, *, namespace: str | None = None) -> Object | None:
        """One object; None where there is none."""
        answer = self._request("GET", _path(resource, namespace, name))
        return None if answer is None else _object(answer)

    def list(
        self, resource: Resource, *, labels: str = "", fields: str = "", namespace: str | None = None
    ) -> Iterator[Object]:
        """All objects that the selectors name, in all namespaces if none is given."""
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        query = {name: text for name, text in selectors.items() if text} | {"limit": str(_PAGE)}
        while True:
            answer = self._request("GET", _path(resource, namespace), query=query)
            if answer is None:  # The whole kind is not there.
                return
            page = _object(answer)
            yield from page.get("items") or ()
            following = page.get("metadata", {}).get("continue")
            if not following:
                return
            query = {**query, "continue": following}

    def create(self, resource: Resource, content: Object) -> None:
        """Make an object; one of this name that is there is left as it is. For what an account may not read."""
        metadata = content["metadata"]
        try:
            answer = self._request("POST", _path(resource, metadata["namespace"]), content=content)
        except Conflict:
            return
        if answer is None:
            raise _no_place(resource, metadata["namespace"])

    def apply(self, resource: Resource, content: Object, *, manager: str, is_forced: bool = False) -> Object:
        """Server-side apply: the fields in `content` become those of the manager.

        Raises:
            Conflict: code `field_conflict`: another manager has set one of them to something else.
            Invalid: code `object_refused`.
        """
        metadata = content["metadata"]
        answer = self._request(
            "PATCH",
            _path(resource, metadata.get("namespace"), metadata["name"]),
            query={"fieldManager": manager, "force": str(is_forced).lower()},
            content=content,
            content_type=_APPLY,
        )
        if answer is None:
            raise _no_place(resource, metadata.get("namespace"))
        return _object(answer)

    def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        in_foreground: bool = False,
    ) -> None:
        """Ask for an object's end; one that is not there, or is another one by now: nothing to do.

        `in_foreground` keeps the object until all that it has made is gone.
        """
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        options["propagationPolicy"] = "Foreground" if in_foreground else "Background"
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            self._request("DELETE", _path(resource, namespace, name), content=options)
        except Conflict as exc:
            if exc.code != "object_changed":
                raise

    def log(
        self, pod: str, *, namespace: str, container: str, since: str | None, is_previous: bool, most_bytes: int
    ) -> bytes:
        """What a container has written, each line with its time before it; nothing where there is no log."""
        query = {"container": container, "timestamps": "true", "limitBytes": str(most_bytes)}
        if since is not None:
            query["sinceTime"] = since
        if is_previous:
            query["previous"] = "true"
        try:
            answer = self._request("GET", f"{_path(PODS, namespace, pod)}/log", query=query)
        except Invalid:  # Its container has not started yet, or has no previous one.
            return b""
        return b"" if answer is None else answer.content

    @contextmanager
    def through_pod(
        self,
        method: str,
        pod: str,
        path: str,
        *,
        namespace: str,
        port: int,
        headers: Mapping[str, str],
        content: Iterator[bytes] | None,
    ) -> Iterator[httpx2.Response]:
        """What a pod answers at one of its ports, through the API server's proxy; the body is not read yet.

        Raises:
            Unavailable: the cluster or the pod does not answer, or the answer breaks off.
        """
        address = f"{PODS.root}/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}:{port}/proxy{path}"
        try:
            with self._connected().stream(method, address, headers=dict(headers), content=content) as answer:
                yield answer
        except httpx2.HTTPError as exc:
            raise Unavailable(
                f"the pod does not answer: {type(exc).__name__}: {exc}"[:_SHOWN], code="pod_unavailable"
            ) from exc

    def offers(self, resource: Resource) -> bool:
        """Whether the cluster has this kind of objects, as of the last minute."""
        now = time.monotonic()
        known = self._offered.get(resource)
        if known is None or now - known[0] > _OFFERED_SECONDS:
            answer = self._request("GET", resource.root)
            is_there = answer is not None and any(
                one["name"] == resource.plural for one in _object(answer).get("resources") or ()
            )
            known = self._offered[resource] = (now, is_there)
        return known[1]

    def _connected(self) -> httpx2.Client:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: Object | None = None,
        content_type: str = "application/json",
    ) -> httpx2.Response | None:
        """The answer; None where what is asked for is not there."""
        client = self._connected()
        body = None if content is None else json.dumps(content)
        headers = {} if body is None else {"Content-Type": content_type}
        try:
            answer = client.request(method, path, params=query, content=body, headers=headers)
        except (httpx2.HTTPError, OSError) as exc:
            raise Unavailable(
                f"the cluster does not answer: {type(exc).__name__}: {exc}"[:_SHOWN], code="target_unavailable"
            ) from exc
        if answer.status_code == httpx2.codes.NOT_FOUND and not _names_namespace(answer):
            return None
        if answer.is_success:
            return answer
        raise _error(answer)


def _path(resource: Resource, namespace: str | None, name: str | None = None) -> str:
    parts = [resource.root]
    if namespace is not None:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(resource.plural)
    return "/".join([*parts, *([] if name is None else [quote(name, safe="")])])


def _no_place(resource: Resource, namespace: str | None) -> Unavailable:
    return Unavailable(
        f"the cluster has no place for {resource.plural} of namespace '{namespace}'", code="target_refused"
    )


def _object(answer: httpx2.Response) -> Object:
    try:
        content: Object = answer.json()
    except ValueError as exc:
        raise Unavailable("the cluster answers with something else than JSON", code="target_unavailable") from exc
    return content


def _names_namespace(answer: httpx2.Response) -> bool:
    """Whether it is a namespace that is missing, which is an error, not an absence."""
    return answer.request.method in {"PATCH", "POST"} and _status(answer).get("details", {}).get("kind") == "namespaces"


def _status(answer: httpx2.Response) -> Object:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _error(answer: httpx2.Response) -> ModelyardError:
    status = _status(answer)
    message = str(status.get("message") or answer.reason_phrase)[:_SHOWN]
    causes = status.get("details", {}).get("causes") or ()
    match answer.status_code:
        case 404:
            return Unavailable(f"the cluster refuses: {message}", code="target_refused")
        case 401 | 403:
            return Unavailable(f"the cluster refuses: {message}", code="target_forbidden")
        case 409 if any(one.get("reason") == "FieldManagerConflict" for one in causes):
            fields = "; ".join(f"{one.get('field')}: {one.get('message')}" for one in causes)
            return Conflict(f"somebody else has changed it in the cluster: {fields}"[:_SHOWN], code="field_conflict")
        case 409:
            return Conflict(f"the cluster refuses: {message}", code="object_changed")
        case 400 | 422:
            return Invalid(f"the cluster refuses: {message}", code="object_refused")
        case _:
            return Unavailable(f"the cluster answers {answer.status_code}: {message}", code="target_unavailable")
