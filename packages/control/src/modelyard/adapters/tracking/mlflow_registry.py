"""MLflow's model registry behind a tracking server. What a registered version's source names is fetched only when it
is one of the server's own logged models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.adapters.tracking.mlflow import MlflowTracking
from modelyard.adapters.tracking.mlflow_server import MlflowServer, pages
from modelyard.errors import Invalid, NotFound
from modelyard.ports.registered_models import NO_STAGE, ShownModel, ShownPage, ShownVersion
from modelyard.ports.tracking import LoggedModel

_OWN_PREFIX = "mlflow."
_MODEL_ADDRESS = "models:/m-"
_COPY = re.compile(r"models:/([^/:@]+)/(\d{1,9})")
_LONGEST_CHAIN = 20
_NEEDS_ESCAPE = re.compile(r"[^A-Za-z0-9 _-]")
_PAGE = 200


class MlflowRegisteredModels:
    """The port `RegisteredModels` on an MLflow tracking server.

    Args:
        uri: the server's address, http or https.
        credential: our token there, if the server is ours.
    """

    def __init__(self, *, uri: str, credential: str | None = None) -> None:
        self._server = MlflowServer(uri=uri, credential=credential)
        self._tracking = MlflowTracking(uri=uri, credential=credential)

    def page(self, *, prefix: str = "", cursor: str | None = None, limit: int = 100) -> ShownPage:
        """Search by name."""
        which = f"name LIKE '{prefix}%'" if prefix else None
        with self._server.call("registered models") as client:
            found = client.search_registered_models(which, limit, ["name ASC"], cursor)
            return ShownPage([_shown_model(model) for model in found], found.token or None)

    def changed_since(self, moment: int) -> Iterator[ShownModel]:
        """Search by the time of the last change, as far as it is not older."""
        with self._server.call("registered models") as client:
            latest_first = ["last_updated_timestamp DESC"]
            for model in pages(client.search_registered_models, max_results=_PAGE, order_by=latest_first):
                if int(model.last_updated_timestamp) < moment:
                    return
                yield _shown_model(model)

    def model(self, name: str) -> ShownModel | None:
        """Read it."""
        try:
            with self._server.call(f"model '{name}'") as client:
                return _shown_model(client.get_registered_model(name))
        except NotFound:
            return None

    def version(self, name: str, number: int) -> ShownVersion | None:
        """Read it."""
        try:
            with self._server.call(f"version {number} of model '{name}'") as client:
                return _shown_version(client.get_model_version(name, str(number)))
        except NotFound:
            return None

    def versions(self, name: str, *, after: int = 0) -> Iterator[ShownVersion]:
        """Search by number. Each page begins after the last number of the one before, so changes shift nothing."""
        while True:
            which = f"{_is_named(name)} AND version_number > {after}"
            with self._server.call(f"model '{name}'") as client:
                found = client.search_model_versions(which, _PAGE, ["version_number ASC"])
            yield from (_shown_version(version) for version in found)
            if len(found) < _PAGE:
                return
            after = int(found[-1].version)

    def versions_tagged(self, name: str, key: str, value: str) -> Sequence[ShownVersion]:
        """Search by the tag."""
        return self._search(name, f"tags.`{key}` = '{value}'")

    def versions_of(self, name: str, source: str) -> Sequence[ShownVersion]:
        """Search by the source. No condition of MLflow's can hold a quote, so such a source is found nowhere."""
        return [] if "'" in source else self._search(name, f"source_path = '{source}'")

    def _search(self, name: str, condition: str) -> Sequence[ShownVersion]:
        which = f"{_is_named(name)} AND {condition}"
        with self._server.call(f"model '{name}'") as client:
            found = pages(client.search_model_versions, which)
            return sorted((_shown_version(version) for version in found), key=lambda version: version.number)

    def logged_model(self, version: ShownVersion) -> LoggedModel:
        """Follow copies to the first, then ask for the logged model."""
        origin: ShownVersion | None = version
        for _ in range(_LONGEST_CHAIN):
            if origin is None:
                raise NotFound(f"The tracker has no {version.source}.", code="not_tracked")
            copied = _COPY.fullmatch(origin.source)
            if copied is None:
                return self._logged_model_of(origin)
            origin = self.version(copied[1], int(copied[2]))
        raise _unsupported(version.source)

    def make_model(self, name: str) -> None:
        """Make it; of two that make it at once, the slower finds it."""
        with self._server.call(f"model '{name}'") as client:
            try:
                client.create_registered_model(name)
            except self._server.library.Error as exc:
                if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def make_version(
        self, name: str, *, model_uri: str, run_id: str | None, description: str, tags: Mapping[str, str]
    ) -> ShownVersion:
        """Register the logged model, or the folder in a run where an older client put it."""
        model = self._tracking.logged_model(model_uri)
        is_legacy = not model.uri.startswith(_MODEL_ADDRESS)
        with self._server.call(f"model '{name}'") as client:
            return _shown_version(
                client.create_model_version(
                    name,
                    model.artifact_uri if is_legacy else model.uri,
                    run_id=run_id,
                    tags=dict(tags),
                    description=description,
                    await_creation_for=0,
                    model_id=None if is_legacy else model.model_id,
                )
            )

    def describe_model(self, name: str, text: str) -> None:
        """Write it."""
        with self._server.call(f"model '{name}'") as client:
            client.update_registered_model(name, text)

    def tag_model(self, name: str, key: str, value: str | None) -> None:
        """Write it, or take it away."""
        if value is not None:
            with self._server.call(f"model '{name}'") as client:
                client.set_registered_model_tag(name, key, value)
            return
        with self._server.drop(f"tag '{key}'") as client:
            client.delete_registered_model_tag(name, key)

    def describe_version(self, name: str, number: int, text: str) -> None:
        """Write it."""
        with self._server.call(f"version {number} of model '{name}'") as client:
            client.update_model_version(name, str(number), text)

    def tag_version(self, name: str, number: int, key: str, value: str | None) -> None:
        """Write it, or take it away."""
        if value is not None:
            with self._server.call(f"version {number} of model '{name}'") as client:
                client.set_model_version_tag(name, str(number), key, value)
            return
        with self._server.drop(f"tag '{key}'") as client:
            client.delete_model_version_tag(name, str(number), key)

    def set_alias(self, name: str, alias: str, number: int | None) -> None:
        """Set it, or take it away."""
        if number is not None:
            with self._server.call(f"version {number} of model '{name}'") as client:
                client.set_registered_model_alias(name, alias, str(number))
            return
        with self._server.drop(f"alias '{alias}'") as client:
            client.delete_registered_model_alias(name, alias)

    def leave_stage(self, name: str, number: int) -> None:
        """By the library's inner client: the outer one warns of a word that we only take back."""
        with self._server.call(f"version {number} of model '{name}'"):
            self._server.library.registry.transition_model_version_stage(name, str(number), NO_STAGE)

    def drop_version(self, name: str, number: int) -> None:
        """Delete it; MLflow keeps its number."""
        with self._server.drop(f"version {number} of model '{name}'") as client:
            client.delete_model_version(name, str(number))

    def drop_model(self, name: str) -> None:
        """Delete it."""
        with self._server.drop(f"model '{name}'") as client:
            client.delete_registered_model(name)

    def _logged_model_of(self, version: ShownVersion) -> LoggedModel:
        try:
            return self._tracking.logged_model(version.source)
        except Invalid:
            pass  # Not an address of a logged model; a client before MLflow 3 names the folder in its run.
        if version.run_id is not None:
            for model in self._tracking.logged_models(version.run_id):
                if model.artifact_uri == version.source:
                    return model
        raise _unsupported(version.source)


def _shown_model(model: Any) -> ShownModel:
    return ShownModel(
        name=model.name,
        description=model.description or "",
        tags=_plain_tags(model.tags),
        aliases={alias: int(number) for alias, number in (model.aliases or {}).items()},
        changed_at=int(model.last_updated_timestamp),
    )


def _shown_version(version: Any) -> ShownVersion:
    return ShownVersion(
        name=version.name,
        number=int(version.version),
        made_at=int(version.creation_timestamp),
        source=version.source or "",
        run_id=version.run_id or None,
        is_ready=version.status == "READY",
        stage=version.current_stage or NO_STAGE,
        description=version.description or "",
        tags=_plain_tags(version.tags),
    )


def _plain_tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (tags or {}).items() if not key.startswith(_OWN_PREFIX)}


def _is_named(name: str) -> str:
    """A condition of MLflow's search language. Its texts know no escapes, but a list is read as one of Python is."""
    escaped = _NEEDS_ESCAPE.sub(lambda found: f"\\U{ord(found[0]):08x}", name)
    return f"name IN ('{escaped}')"


def _unsupported(source: str) -> Invalid:
    return Invalid(
        f"source: expected a logged model, like models:/m-… or runs:/<run>/<name>, got {source[:200]!r}",
        code="source_unsupported",
        field="source",
    )
