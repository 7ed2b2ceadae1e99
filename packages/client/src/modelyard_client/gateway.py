"""The gateway: version sets, APIs, their revisions and releases, its addresses, and where a request would go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionSet:
    """APIs that are versions of one another. `versioning_scheme` is Segment, Header or Query."""

    version_set_id: str
    display_name: str
    versioning_scheme: str
    version_header_name: str | None
    version_query_name: str | None
    on_missing: str
    default_version: str | None

    @classmethod
    def from_json(cls, value: object) -> "VersionSet":
        """Read a version set of the API."""
        fields = Fields(value, noun="version set")
        return cls(
            version_set_id=fields.text("version_set_id"),
            display_name=fields.text("display_name"),
            versioning_scheme=fields.text("versioning_scheme"),
            version_header_name=fields.optional_text("version_header_name"),
            version_query_name=fields.optional_text("version_query_name"),
            on_missing=fields.text("on_missing"),
            default_version=fields.optional_text("default_version"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """An API. `status` is active, deprecated or retired; without a `current_revision` nothing answers yet."""

    api_id: str
    display_name: str
    path: str
    api_version: str | None
    api_version_set_id: str | None
    protocols: tuple[str, ...]
    subscription_required: bool
    status: str
    deprecated_at: datetime | None
    sunset_at: datetime | None
    successor: str | None
    notice_url: str | None
    """A page for people about its end."""
    current_revision: int | None
    latest_revision: int
    refused: str | None
    """Why the gateway goes on with what was at its path before; None: it does not."""

    @classmethod
    def from_json(cls, value: object) -> "Api":
        """Read an API of the gateway."""
        fields = Fields(value, noun="API")
        return cls(
            api_id=fields.text("api_id"),
            display_name=fields.text("display_name"),
            path=fields.text("path"),
            api_version=fields.optional_text("api_version"),
            api_version_set_id=fields.optional_text("api_version_set_id"),
            protocols=tuple(fields.items("protocols")),
            subscription_required=fields.boolean("subscription_required"),
            status=fields.text("status"),
            deprecated_at=fields.optional_time("deprecated_at"),
            sunset_at=fields.optional_time("sunset_at"),
            successor=fields.optional_text("successor"),
            notice_url=fields.optional_text("notice_url"),
            current_revision=fields.optional_integer("current_revision"),
            latest_revision=fields.integer("latest_revision"),
            refused=fields.optional_text("refused"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A revision of an API; `target` says what answers."""

    api_revision: int
    target: Mapping[str, Any]
    description: str
    is_online: bool
    created_by: str
    created_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Revision":
        """Read a revision of the API."""
        fields = Fields(value, noun="revision")
        return cls(
            api_revision=fields.integer("api_revision"),
            target=fields.mapping("target"),
            description=fields.text("description"),
            is_online=fields.boolean("is_online"),
            created_by=fields.text("created_by"),
            created_at=fields.optional_time("created_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """An entry of an API's change log. `cause` is release, rollback or promotion."""

    release_id: str
    api_id: str
    cause: str
    api_release_notes: str
    changes: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    created_by: str
    created_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Release":
        """Read a release of the API."""
        fields = Fields(value, noun="release")
        return cls(
            release_id=fields.text("release_id"),
            api_id=fields.text("api_id"),
            cause=fields.text("cause"),
            api_release_notes=fields.text("api_release_notes"),
            changes=tuple(fields.items("changes")),
            before=fields.optional_mapping("before"),
            after=fields.mapping("after"),
            created_by=fields.text("created_by"),
            created_at=fields.optional_time("created_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An entry of an API's change log, as its callers read it. `cause` is release, rollback or promotion."""

    release_id: str
    cause: str
    api_release_notes: str
    api_revision: int
    model_name: str | None
    model_version: int | None
    released_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Change":
        """Read a change of the API."""
        fields = Fields(value, noun="change")
        return cls(
            release_id=fields.text("release_id"),
            cause=fields.text("cause"),
            api_release_notes=fields.text("api_release_notes"),
            api_revision=fields.integer("api_revision"),
            model_name=fields.optional_text("model_name"),
            model_version=fields.optional_integer("model_version"),
            released_at=fields.optional_time("released_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What a request gets, and why. `outcome` is forward, redirect, respond or reject."""

    outcome: str
    sentence: str
    route: str | None
    status: int | None
    destinations: tuple[Mapping[str, Any], ...]
    path: str | None
    needs_subscription: bool | None

    @classmethod
    def from_json(cls, value: object) -> "Explanation":
        """Read an explanation of the API."""
        fields = Fields(value, noun="explanation")
        needs = fields.value("needs_subscription")
        return cls(
            outcome=fields.text("outcome"),
            sentence=fields.text("sentence"),
            route=fields.optional_text("route"),
            status=fields.optional_integer("status"),
            destinations=tuple(fields.items("destinations")),
            path=fields.optional_text("path"),
            needs_subscription=None if needs is None else bool(needs),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayStatus:
    """The gateway's public addresses, and whether its newest configuration is applied."""

    addresses: tuple[str, ...]
    public_ip_addresses: tuple[str, ...]
    configuration: Mapping[str, Any]
    refused: tuple[Mapping[str, Any], ...]
    """What it does not take of one's own, and why; what that was before goes on."""
    nodes: tuple[Mapping[str, Any], ...]

    @classmethod
    def from_json(cls, value: object) -> "GatewayStatus":
        """Read the status of the API."""
        fields = Fields(value, noun="gateway status")
        return cls(
            addresses=tuple(fields.items("addresses")),
            public_ip_addresses=tuple(fields.items("public_ip_addresses")),
            configuration=fields.mapping("configuration"),
            refused=tuple(fields.items("refused")),
            nodes=tuple(fields.items("nodes")),
        )


class Gateway:
    """Version sets, APIs and releases of one's tenant, and the gateway that serves them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def status(self) -> GatewayStatus:
        """Its public addresses and its nodes."""
        return GatewayStatus.from_json(self._transport.get(_path("status")))

    def explain(self, url: str, *, method: str = "GET", headers: Sequence[str] = ()) -> Explanation:
        """Where a request would go; `headers` are lines, `name: value`. Nothing is sent."""
        query: dict[str, str | int | list[str] | None] = {"url": url, "method": method, "header": list(headers)}
        return Explanation.from_json(self._transport.get(_path("explain"), query=query))

    def version_sets(self, *, limit: int | None = None) -> Iterator[VersionSet]:
        """All version sets, by id."""
        pages = self._transport.pages(_path("version-sets"), plural="version_sets", query={}, limit=limit)
        return (VersionSet.from_json(item) for item in pages)

    def create_version_set(self, display_name: str, versioning_scheme: str, **fields: Any) -> VersionSet:
        """Make a version set: Segment, Header (with `version_header_name`) or Query (with `version_query_name`)."""
        body = {"display_name": display_name, "versioning_scheme": versioning_scheme, **fields}
        return VersionSet.from_json(self._transport.post(_path("version-sets"), body))

    def delete_version_set(self, version_set_id: str) -> None:
        """Delete a version set without APIs."""
        self._transport.send("DELETE", _path("version-sets", version_set_id))

    def apis(self, *, limit: int | None = None) -> Iterator[Api]:
        """All APIs, by id."""
        return (
            Api.from_json(item) for item in self._transport.pages(_path("apis"), plural="apis", query={}, limit=limit)
        )

    def api(self, api_id: str) -> Api:
        """One API."""
        return Api.from_json(self._transport.get(_path("apis", api_id)))

    def create_api(self, api_id: str, *, path: str, display_name: str | None = None, **fields: Any) -> Api:
        """Make an API with its first revision; it answers when that is released.

        Args:
            fields: `service_url`, `deployment_id`, or `model_name` with `version` or `stage`; and others of the API.
        """
        body = {"api_id": api_id, "path": path, "display_name": display_name or api_id, **fields}
        return Api.from_json(self._transport.post(_path("apis"), body))

    def change_api(self, api_id: str, **fields: Any) -> Api:
        """Change an API: `status` deprecated with `sunset_at`, `successor` and `notice_url`, for example."""
        return Api.from_json(self._transport.patch(_path("apis", api_id), fields))

    def delete_api(self, api_id: str) -> None:
        """Delete an API with its revisions and releases."""
        self._transport.send("DELETE", _path("apis", api_id))

    def revisions(self, api_id: str) -> Sequence[Revision]:
        """All revisions of an API, the newest first."""
        found = Fields(self._transport.get(_path("apis", api_id, "revisions")), noun="revisions")
        return [Revision.from_json(item) for item in found.items("revisions")]

    def create_revision(self, api_id: str, **fields: Any) -> Revision:
        """Make another revision, with a target as of `create_api`; it answers behind `;rev=N` until it is released."""
        return Revision.from_json(self._transport.post(_path("apis", api_id, "revisions"), fields))

    def set_revision_online(self, api_id: str, revision: int, *, is_online: bool) -> Revision:
        """Let a revision answer behind `;rev=N`, or not; what is released answers in any case."""
        where = _path("apis", api_id, "revisions", str(revision))
        return Revision.from_json(self._transport.patch(where, {"is_online": is_online}))

    def releases(self, api_id: str, *, limit: int | None = None) -> Iterator[Release]:
        """The change log of an API, the newest first."""
        pages = self._transport.pages(_path("apis", api_id, "releases"), plural="releases", query={}, limit=limit)
        return (Release.from_json(item) for item in pages)

    def changes(self, api_id: str, *, limit: int | None = None) -> Iterator[Change]:
        """The change log of an API as its callers read it, the newest first; a subscription key will do as token."""
        pages = self._transport.pages(_path("apis", api_id, "changes"), plural="changes", query={}, limit=limit)
        return (Change.from_json(item) for item in pages)

    def release(
        self, api_id: str, *, release_id: str | None = None, revision: int | None = None, notes: str = ""
    ) -> Release:
        """Have a revision answer from now on; the latest one when none is named."""
        body = {"release_id": release_id, "revision": revision, "api_release_notes": notes}
        return Release.from_json(self._transport.post(_path("apis", api_id, "releases"), body))

    def roll_back(self, api_id: str, *, notes: str = "") -> Release:
        """Have the revision answer that did before the current one."""
        body = {"api_release_notes": notes}
        return Release.from_json(self._transport.post(_path("apis", api_id, "rollback"), body))


def _path(*more: str) -> str:
    return path("api", "v1", "gateway", *more)
