"""One service of Azure API Management for tests, behind Azure's resource manager.

Its behaviours are those of Microsoft.ApiManagement 2024-05-01 and of what its users report: an API is made by an
operation that takes a while, only a new release makes a revision current, the current one bears the API's own id,
what all revisions share cannot be changed in another one, and a write of an outdated state is refused.
"""

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from azure_resource_manager import ResourceManagerHandler, resource_manager

SUBSCRIPTION = "6f1e5f0a-0000-4000-8000-000000000001"
RESOURCE_GROUP = "ml"
SERVICE = "contoso-apim"
ROOT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.ApiManagement/service/{SERVICE}"
)
API_VERSIONS = frozenset({"2022-08-01", "2024-05-01"})
_ENTITY_ID = re.compile(r"[^*#&+:<>?/]+")
_RELEASE_ID = re.compile(r"\w+|\w[\w-]+\w")
_SHARED = {"displayName": "Name", "path": "Path", "protocols": "Protocols", "apiVersion": "ApiVersion"}
_PAGE = 2
_MOST_IMPORTED = 4 * 1024 * 1024


class RefusedError(Exception):
    """What the service answers with a status and a code."""

    def __init__(self, status: int, code: str, message: str, *details: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, "details": None}}
        if details:
            self.body["error"]["details"] = [  # type: ignore[assignment]  # Azure has a list or null there.
                {"code": code, "target": target, "message": said} for target, said in details
            ]


def invalid(message: str, *details: tuple[str, str]) -> RefusedError:
    """400, with what is wrong of single fields."""
    return RefusedError(400, "ValidationError", message, *details)


@dataclass
class Entity:
    """A resource, and how often it was written."""

    properties: dict[str, Any]
    version: int = 1

    @property
    def etag(self) -> str:
        return f'"AAAAAAAA{self.version:04d}"'


@dataclass
class ApiManagementService:
    """It answers as Azure does, at `url`. Entities are by their path below the service, revisions always by number."""

    url: str = ""
    entities: dict[str, Entity] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    """The number of each API's current revision."""
    operations: dict[str, list[Any]] = field(default_factory=dict)
    """How often each says that it is under way, and how it ends."""
    polls: int = 1
    writes: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    """`PUT apis/x` → how many of the next ones get 429."""
    forbids: bool = False
    fails_operations: str | None = None
    before_write: Callable[[str], None] = lambda _: None
    """Is called before each write, with its method and path."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def key(self, path: str) -> str:
        """The entity that a path names: the current revision where it names none."""
        kind, *names = path.split("/")
        if kind != "apis" or not names or ";rev=" in names[0] or names[0] not in self.current:
            return path
        if names[1:2] == ["releases"] or names[1:2] == ["revisions"]:
            return path
        return "/".join((kind, f"{names[0]};rev={self.current[names[0]]}", *names[1:]))

    def shown(self, key: str) -> dict[str, Any]:
        """An entity as Azure gives it."""
        entity = self.entities[key]
        kind, name, *rest = key.split("/")
        api_id, _, number = name.partition(";rev=")
        properties = dict(entity.properties)
        if kind == "apis" and not rest:
            is_current = self.current.get(api_id) == number
            name = api_id if is_current else name
            properties |= {"apiRevision": number, "isOnline": True} | ({"isCurrent": True} if is_current else {})
        path = "/".join((kind, name, *rest))
        kinds = "/".join(path.split("/")[0::2])
        return {
            "id": f"{ROOT}/{path}",
            "type": f"Microsoft.ApiManagement/service/{kinds}",
            "name": path.rpartition("/")[2],
            "properties": properties,
        }

    def listed(self, path: str) -> list[dict[str, Any]]:
        """All of a collection, by id."""
        prefix = f"{self.key(f'{path}/any').rpartition('/')[0]}/"
        found = [key for key in self.entities if key.startswith(prefix) and "/" not in key[len(prefix) :]]
        return [self.shown(key) for key in sorted(found)]

    def write(self, path: str, properties: dict[str, Any], if_match: str | None) -> tuple[bool, bool]:
        """Make or replace an entity. Whether it is new, and whether that takes a while."""
        key = self.key(path)
        kind, name, *rest = key.split("/")
        is_api = kind == "apis" and not rest
        if is_api and ";rev=" not in name:
            key = f"{key};rev={properties.get('apiRevision', '1')}"
        entity = self.entities.get(key)
        self._check_state(entity, if_match)
        stored = self._checked(key, properties, entity)
        self.writes.append(f"PUT {path}")
        if entity is None:
            self.entities[key] = Entity(stored)
        else:
            entity.properties, entity.version = stored, entity.version + 1
        if is_api:
            self.current.setdefault(name.partition(";")[0], key.rpartition("=")[2])
        if is_api and self.current[name.partition(";")[0]] == key.rpartition("=")[2]:
            self._share(key, stored)
        if rest[:1] == ["releases"] and entity is None:
            self._release(name, stored["apiId"])
        return entity is None, is_api

    def remove(self, path: str, query: dict[str, list[str]], if_match: str | None) -> bool:
        """Delete an entity with what belongs to it. Whether it was there."""
        key = self.key(path)
        entity = self.entities.get(key)
        if if_match is None:
            raise RefusedError(400, "MissingIfMatchHeader", "The If-Match header is required.")
        if entity is None:
            return False
        self._check_state(entity, if_match)
        gone = {key, *(each for each in self.entities if each.startswith(f"{key}/"))}
        kind, name, *rest = key.split("/")
        if kind == "apis" and not rest:
            gone |= self._gone_with_api(path, name.partition(";")[0], is_whole="deleteRevisions" in query)
        if kind == "apiVersionSets" and any(
            each.properties.get("apiVersionSetId") == f"{ROOT}/{key}" for each in self.entities.values()
        ):
            raise invalid("Version set cannot be deleted since it is used by APIs.")
        for each in gone:
            self.entities.pop(each, None)
        self.writes.append(f"DELETE {path}")
        return True

    def begin(self, resource: str | None) -> str:
        """An operation that ends after some looks at it."""
        number = f"op-{next(self.numbers)}"
        outcome: dict[str, Any] = {"status": "Succeeded"}
        if self.fails_operations is not None:
            outcome = {"status": "Failed", "error": {"code": "ValidationError", "message": self.fails_operations}}
            self.entities.pop(self.key(resource or ""), None)
        self.operations[number] = [self.polls, outcome]
        return number

    def _gone_with_api(self, path: str, api_id: str, *, is_whole: bool) -> set[str]:
        revisions = {each for each in self.entities if each.startswith(f"apis/{api_id};rev=")}
        if not is_whole:
            if path.rpartition("=")[2] == self.current[api_id] or ";rev=" not in path:
                raise invalid("Cannot delete the current revision of an API.")
            return {each for each in revisions if each.startswith(f"{path}/")}
        self.current.pop(api_id, None)
        links = {each for each in self.entities if each.startswith("products/") and each.endswith(f"/apis/{api_id}")}
        return revisions | links | {each for each in self.entities if each.startswith(f"apis/{api_id}/")}

    def _share(self, key: str, stored: dict[str, Any]) -> None:
        """What all revisions have together is changed in the current one."""
        for other, entity in self.entities.items():
            if other.startswith(f"{key.rpartition('=')[0]}=") and "/" not in other.removeprefix("apis/"):
                entity.properties |= {name: stored[name] for name in _SHARED if name in stored}

    def _release(self, api_id: str, aim: str) -> None:
        self.current[api_id] = self.key(aim.removeprefix(f"{ROOT}/")).rpartition("=")[2]

    @staticmethod
    def _check_state(entity: Entity | None, if_match: str | None) -> None:
        if if_match not in (None, "*") and (entity is None or entity.etag != if_match):
            raise RefusedError(412, "PreconditionFailed", "Resource was modified since last retrieval.")

    def _checked(self, key: str, given: dict[str, Any], there: Entity | None) -> dict[str, Any]:
        kind, name, *rest = key.split("/")
        kinds = "/".join(key.split("/")[0::2])
        if not _ENTITY_ID.fullmatch(name):
            raise invalid("One or more fields contain incorrect values:", ("id", "Invalid identifier."))
        if rest and rest[0] != "releases" and key.rpartition("/")[0].rpartition("/")[0] not in self.entities:
            raise RefusedError(404, "ResourceNotFound", f"{kind[:-1].capitalize()} not found.")
        check = _CHECKS.get(kinds)
        return given if check is None else check(self, key, given, there)


def _version_set(
    service: ApiManagementService, key: str, given: dict[str, Any], there: Entity | None
) -> dict[str, Any]:
    scheme = given.get("versioningScheme")
    if not given.get("displayName") or len(given["displayName"]) > 100 or len(key.partition("/")[2]) > 80:
        raise invalid("One or more fields contain incorrect values:", ("displayName", "It is required."))
    if scheme not in ("Segment", "Query", "Header"):
        raise invalid("One or more fields contain incorrect values:", ("versioningScheme", "Invalid value."))
    for each in ("Query", "Header"):
        if (f"version{each}Name" in given) != (scheme == each):
            raise invalid("One or more fields contain incorrect values:", (f"version{each}Name", "Invalid value."))
    is_used = any(each.properties.get("apiVersionSetId") == f"{ROOT}/{key}" for each in service.entities.values())
    if there is not None and is_used and there.properties["versioningScheme"] != scheme:
        raise invalid("Versioning scheme of a version set in use cannot be changed.")
    return given


def _api(service: ApiManagementService, key: str, given: dict[str, Any], there: Entity | None) -> dict[str, Any]:
    api_id, _, number = key.removeprefix("apis/").partition(";rev=")
    base = service.current.get(api_id)
    if "path" not in given:
        raise invalid("One or more fields contain incorrect values:", ("path", "It is required."))
    if base is None and "displayName" not in given and "value" not in given:
        raise invalid("One or more fields contain incorrect values:", ("displayName", "It is required."))
    if base is None and number != given.get("apiRevision", "1"):
        raise RefusedError(404, "ResourceNotFound", "API not found.")
    if base is not None and number != base:
        _check_other_revision(service.entities[f"apis/{api_id};rev={base}"].properties, given, there)
    _check_version(service, api_id, given)
    kept = {name: value for name, value in given.items() if name not in ("format", "value", "sourceApiId")}
    if "value" in given:
        kept = {**_import(service, key, given), **kept}
    return {"subscriptionRequired": True, "protocols": ["https"], **kept}


def _check_other_revision(current: dict[str, Any], given: dict[str, Any], there: Entity | None) -> None:
    if given.get("isCurrent"):
        message = "One or more fields contain incorrect values:"
        raise invalid(message, ("IsCurrent", "Can't set new revision as current."))
    if there is None and "sourceApiId" not in given:
        raise invalid("A revision is made of an existing API: sourceApiId is required.")
    for name, title in _SHARED.items():
        if name in given and given[name] != current.get(name):
            raise invalid(f"Can't change property {title} for non-current revision")


def _check_version(service: ApiManagementService, api_id: str, given: dict[str, Any]) -> None:
    version_set = given.get("apiVersionSetId")
    if version_set is not None and version_set.removeprefix(f"{ROOT}/") not in service.entities:
        raise invalid("One or more fields contain incorrect values:", ("ApiVersionSetId", "Version set not found."))
    if given.get("apiVersion") and version_set is None:
        raise invalid("One or more fields contain incorrect values:", ("ApiVersion", "Version set is required."))
    for key, each in service.entities.items():
        if not key.startswith("apis/") or key.count("/") > 1 or key.startswith(f"apis/{api_id};rev="):
            continue
        same = (each.properties.get("path"), each.properties.get("apiVersion"))
        if same == (given["path"], given.get("apiVersion")):
            raise invalid(
                "One or more fields contain incorrect values:", ("Path", "Cannot create API with the same path.")
            )


def _import(service: ApiManagementService, key: str, given: dict[str, Any]) -> dict[str, Any]:
    if given.get("format") != "openapi+json" or len(given["value"]) > _MOST_IMPORTED:
        raise invalid("The document cannot be imported.", ("format", "Expected openapi+json of at most 4 MB."))
    document = json.loads(given["value"])
    if not re.fullmatch(r"3\.0\.[0-3]", document.get("openapi", "")) or "title" not in document.get("info", {}):
        raise invalid("Parsing error(s): The input OpenAPI file is not valid.", ("openapi", "Expected 3.0."))
    for each in [each for each in service.entities if each.startswith(f"{key}/operations/")]:
        del service.entities[each]
    operations = [(path, method) for path, item in document["paths"].items() for method in item]
    for number, (path, method) in enumerate(operations):
        properties = {"displayName": f"{method} {path}", "method": method.upper(), "urlTemplate": path}
        service.entities[f"{key}/operations/{number:032x}"] = Entity(properties)
    servers = document.get("servers") or [{"url": ""}]
    return {"displayName": document["info"]["title"], "serviceUrl": servers[0]["url"]}


def _release(service: ApiManagementService, key: str, given: dict[str, Any], there: Entity | None) -> dict[str, Any]:
    _, api_id, _, release_id = key.split("/")
    if api_id not in service.current:
        raise RefusedError(404, "ResourceNotFound", "API not found.")
    if not _RELEASE_ID.fullmatch(release_id) or len(release_id) > 80:
        raise invalid("One or more fields contain incorrect values:", ("releaseId", "Invalid identifier."))
    aim = service.key(str(given.get("apiId", "")).removeprefix(f"{ROOT}/"))
    if aim not in service.entities or not aim.startswith(f"apis/{api_id};rev="):
        raise invalid("One or more fields contain incorrect values:", ("ApiId", "API revision not found."))
    return {**(there.properties if there is not None else {}), **given}


def _operation(_: ApiManagementService, __: str, given: dict[str, Any], ___: Entity | None) -> dict[str, Any]:
    for name in ("displayName", "method", "urlTemplate"):
        if not given.get(name):
            raise invalid("One or more fields contain incorrect values:", (name, "It is required."))
    return given


def _policy(_: ApiManagementService, __: str, given: dict[str, Any], ___: Entity | None) -> dict[str, Any]:
    try:
        policy = ET.fromstring(given["value"])
    except (KeyError, ET.ParseError) as exc:
        raise invalid("The policy is not well-formed.", ("value", str(exc))) from exc
    if policy.tag != "policies" or [each.tag for each in policy] != ["inbound", "backend", "outbound", "on-error"]:
        raise invalid("The policy is not valid.", ("value", "Expected inbound, backend, outbound and on-error."))
    ET.indent(policy, space="\t")
    return {"format": "xml", "value": ET.tostring(policy, encoding="unicode").replace("\n", "\r\n")}


def _product(_: ApiManagementService, __: str, given: dict[str, Any], ___: Entity | None) -> dict[str, Any]:
    if not given.get("displayName") or given.get("state", "notPublished") not in ("published", "notPublished"):
        raise invalid("One or more fields contain incorrect values:", ("displayName", "It is required."))
    if given.get("approvalRequired") is not None and not given.get("subscriptionRequired", True):
        raise invalid("One or more fields contain incorrect values:", ("approvalRequired", "Needs subscriptions."))
    return {"state": "notPublished", "subscriptionRequired": True, **given}


def _product_api(service: ApiManagementService, key: str, given: dict[str, Any], _: Entity | None) -> dict[str, Any]:
    if key.rpartition("/")[2] not in service.current:
        raise RefusedError(404, "ResourceNotFound", "API not found.")
    return given


_CHECKS: dict[str, Callable[[ApiManagementService, str, dict[str, Any], Entity | None], dict[str, Any]]] = {
    "apiVersionSets": _version_set,
    "apis": _api,
    "apis/operations": _operation,
    "apis/policies": _policy,
    "apis/releases": _release,
    "products": _product,
    "products/apis": _product_api,
    "products/policies": _policy,
}


class _Handler(ResourceManagerHandler):
    @property
    def service(self) -> ApiManagementService:
        service: ApiManagementService = self.server.service  # type: ignore[attr-defined]  # `resource_manager` says so.
        return service

    def act(self, path: str, query: dict[str, list[str]], content: bytes) -> None:
        service = self.service
        if not API_VERSIONS & set(query["api-version"]):
            self.refuse(400, "InvalidApiVersionParameter", "The api-version is not supported.")
        elif path.startswith("/operations/"):
            self._operation(path.rpartition("/")[2])
        elif service.forbids:
            self.refuse(403, "AuthorizationFailed", "The client does not have authorization to perform action.")
        elif not f"{path}/".lower().startswith(f"{ROOT}/".lower()):
            self.refuse(404, "ResourceNotFound", f"The Resource '{path}' under resource group was not found.")
        elif self._is_one_too_many(f"{self.command} {path[len(ROOT) + 1 :]}"):
            self.refuse(429, "TooManyRequests", "The request is being throttled.", **{"Retry-After": "1"})
        else:
            if self.command in ("PUT", "DELETE"):
                service.before_write(f"{self.command} {path[len(ROOT) + 1 :]}")
            with service.lock:
                try:
                    self._entity(path[len(ROOT) + 1 :].strip("/"), query, content)
                except RefusedError as exc:
                    self.answer(exc.status, exc.body)

    def _is_one_too_many(self, request: str) -> bool:
        left = self.service.refused.get(request, 0)
        self.service.refused[request] = left - 1
        return left > 0

    def _entity(self, path: str, query: dict[str, list[str]], content: bytes) -> None:
        service = self.service
        if not path:
            properties = {"gatewayUrl": f"https://{SERVICE}.azure-api.net", "publicIPAddresses": ["203.0.113.7"]}
            return self.answer(200, {"name": SERVICE, "id": ROOT, "properties": properties})
        if path.count("/") % 2 == 0:
            return self._page(service.listed(path), path, int(query.get("$skip", ["0"])[0]))
        if self.command == "PUT":
            return self._put(path, json.loads(content or b"{}").get("properties", {}))
        if self.command == "DELETE":
            return self._delete(path, query)
        if (key := service.key(path)) not in service.entities:
            return self.refuse(404, "ResourceNotFound", f"{path.partition('s')[0].capitalize()} not found.")
        return self.answer(200, service.shown(key), ETag=service.entities[key].etag)

    def _page(self, found: list[dict[str, Any]], path: str, skip: int) -> None:
        page: dict[str, Any] = {"value": found[skip : skip + _PAGE], "count": len(found)}
        if skip + _PAGE < len(found):
            page["nextLink"] = f"{self.service.url}{ROOT}/{path}?api-version=2024-05-01&$skip={skip + _PAGE}"
        self.answer(200, page)

    def _put(self, path: str, properties: dict[str, Any]) -> None:
        is_new, takes_time = self.service.write(path, properties, self.headers.get("If-Match"))
        key = self.service.key(path)
        body = self.service.shown(key)
        headers = {"ETag": self.service.entities[key].etag}
        if takes_time:
            number = self.service.begin(path)
            body["properties"]["provisioningState"] = "InProgress"
            headers |= {
                "Azure-AsyncOperation": f"{self.service.url}/operations/{number}?api-version=2024-05-01",
                "Location": f"{self.service.url}{ROOT}/{path}?api-version=2024-05-01&asyncId={number}",
            }
        self.answer(201 if is_new else 200, body, **headers)

    def _delete(self, path: str, query: dict[str, list[str]]) -> None:
        if not self.service.remove(path, query, self.headers.get("If-Match")):
            return self.answer(204, None)
        if not path.startswith("apis/") or path.count("/") > 1:
            return self.answer(200, None)
        address = f"{self.service.url}/operations/{self.service.begin(None)}?api-version=2024-05-01"
        return self.answer(202, None, Location=address, **{"Azure-AsyncOperation": address})

    def _operation(self, number: str) -> None:
        operation = self.service.operations[number]
        operation[0] -= 1
        if operation[0] >= 0:
            return self.answer(200, {"id": number, "status": "InProgress"}, **{"Retry-After": "1"})
        return self.answer(200, {"id": number, **operation[1]})


@contextmanager
def api_management_service() -> Iterator[ApiManagementService]:
    """One on a free port of loopback."""
    service = ApiManagementService()
    with resource_manager(_Handler, service) as url:
        service.url = url
        yield service
