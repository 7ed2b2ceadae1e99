"""Models and their versions in the registry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One immutable version of a model. `signature` is the MLflow signature as JSON, if the model has one."""

    name: str
    version: int
    stage: str
    artifact_uri: str | None
    run_id: str | None
    metrics: Mapping[str, float | None]
    """Measured and claimed ones; a measured one before a claim of its name."""
    claimed_metrics: Mapping[str, float | None]
    """What a caller said, and no run has measured so."""
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    description: str | None
    signature: Mapping[str, Any] | None
    created_at: datetime | None
    created_by: str | None
    job_id: str | None
    datasets: Sequence[Mapping[str, Any]]
    """The data that its run says it used, or was given: `name`, `digest`, `source_type`, `source`, `context`."""
    provenance: Mapping[str, Any]
    """What the platform itself knows of how it came to be."""
    revision: int

    @property
    def measured_metrics(self) -> Mapping[str, float | None]:
        """Those that its run logged."""
        claimed = self.claimed_metrics
        return {name: value for name, value in self.metrics.items() if name not in claimed or claimed[name] != value}

    @classmethod
    def from_json(cls, value: object) -> "Version":
        """Read a version of the API."""
        fields = Fields(value, noun="version")
        return cls(
            name=fields.text("name"),
            version=fields.integer("version"),
            stage=fields.text("stage"),
            artifact_uri=fields.optional_text("artifact_uri"),
            run_id=fields.optional_text("run_id"),
            metrics=fields.mapping("metrics"),
            claimed_metrics=fields.mapping("claimed_metrics"),
            parameters=fields.mapping("parameters"),
            tags=fields.mapping("tags"),
            description=fields.optional_text("description"),
            signature=fields.optional_mapping("signature"),
            created_at=fields.optional_time("created_at"),
            created_by=fields.optional_text("created_by"),
            job_id=fields.optional_text("job_id"),
            datasets=fields.items("datasets"),
            provenance=fields.mapping("provenance"),
            revision=fields.integer("revision"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """What a version was built to. `compilation` is the report of its verified compilation, accepted or not."""

    reference: str
    runtime: str
    is_compiled: bool
    compilation: Mapping[str, Any] | None
    created_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Bundle":
        """Read a bundle of the API."""
        fields = Fields(value, noun="bundle")
        return cls(
            reference=fields.text("reference"),
            runtime=fields.text("runtime"),
            is_compiled=fields.boolean("is_compiled"),
            compilation=fields.optional_mapping("compilation"),
            created_at=fields.optional_time("created_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A registered model. `versions` is filled when one model is asked for, and empty in a list of models.

    `label` stands for the name where a DNS label, a folder or an image's tag is needed: `my_model` → `my-model`.
    """

    name: str
    label: str
    latest_version: int | None
    production_version: int | None
    staging_version: int | None
    created_at: datetime | None
    last_updated: datetime | None
    description: str | None
    tags: Mapping[str, str]
    owners: tuple[str, ...]
    revision: int
    versions: tuple[Version, ...]

    @classmethod
    def from_json(cls, value: object) -> "Model":
        """Read a model of the API."""
        fields = Fields(value, noun="model")
        return cls(
            name=fields.text("name"),
            label=fields.text("label"),
            latest_version=fields.optional_integer("latest_version"),
            production_version=fields.optional_integer("production_version"),
            staging_version=fields.optional_integer("staging_version"),
            created_at=fields.optional_time("created_at"),
            last_updated=fields.optional_time("last_updated"),
            description=fields.optional_text("description"),
            tags=fields.mapping("tags"),
            owners=tuple(str(owner) for owner in fields.items("owners")),
            revision=fields.integer("revision"),
            versions=tuple(Version.from_json(item) for item in fields.items("versions")),
        )


_REGISTRY = ("api", "v1", "ml", "registry", "models")
_CATALOGUE = path(*_REGISTRY)


class Models:
    """`client.models`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None) -> Iterator[Model]:
        """Models, fetched page by page as they are asked for; all of them without a limit."""
        pages = self._transport.pages("/mlops/models", plural="models", query={}, limit=limit)
        return (Model.from_json(item) for item in pages)

    def search(
        self,
        *,
        stage: str | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: Sequence[str] = (),
        text: str | None = None,
        owner: str | None = None,
        order: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Model]:
        """Models that meet every filter, fetched page by page as they are asked for.

        Args:
            metrics: conditions like `accuracy>=0.9`; stage, metrics and tags are met by one version of the model.
            order: `name`, `created_at` or `last_updated`; with a hyphen before it, backwards.
        """
        query: dict[str, Any] = {
            "stage": stage,
            "tag": [f"{key}:{value}" for key, value in (tags or {}).items()],
            "metric": [*metrics],
            "text": text,
            "owner": owner,
            "order": order,
        }
        pages = self._transport.pages(_CATALOGUE, plural="models", query=query, limit=limit)
        return (Model.from_json(item) for item in pages)

    def edit(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        owners: Sequence[str] | None = None,
        revision: int | None = None,
    ) -> Model:
        """Change what may change. A tag with None goes, the others are set; owners are given whole.

        Args:
            revision: that of the model which was seen.

        Raises:
            PreconditionFailed: it was changed concurrently.
        """
        body: dict[str, Any] = {"tags": dict(tags or {})}
        if description is not None:
            body["description"] = description
        if owners is not None:
            body["owners"] = [*owners]
        return Model.from_json(self._transport.patch(path(*_REGISTRY, name), body, revision=revision))

    def revision(self, name: str) -> int:
        """Which state of a model is the present one; a change can be bound to it.

        Raises:
            NotFound: there is no such model.
        """
        return Fields(self._transport.get(path(*_REGISTRY, name)), noun="model").integer("revision")

    def get(self, name: str) -> Model:
        """One model with its versions.

        Raises:
            NotFound: there is no such model.
        """
        return Model.from_json(self._transport.get(path("mlops", "models", name)))

    def bundle(self, name: str, version: int) -> Bundle:
        """What a version was built to.

        Raises:
            NotFound: there is no such version, or it was not built yet (code `bundle_not_found`).
        """
        place = path(*_REGISTRY, name, "versions", str(version), "bundle")
        return Bundle.from_json(self._transport.get(place))

    def register(
        self,
        name: str,
        *,
        run_id: str | None = None,
        model_uri: str | None = None,
        job_id: str | None = None,
        logged_model: str | None = None,
        best_of: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        parameters: Mapping[str, bool | float | str] | None = None,
    ) -> Version:
        """Register what a run logged as the next version. Not repeated when the connection breaks on the way.

        Args:
            run_id: the MLflow run.
            model_uri: `models:/m-…` or `runs:/<run>/<name>`.
            job_id: a training job that has ended, well or not; what its script logged needs no training again.
            logged_model: which of several models of the run or the job: its name, its id, or `<run>/<name>`.
            best_of: the metric by which the best of them is taken, like `accuracy` or `min:rmse`.
            metrics: claimed values; a policy distinguishes them from values that a run measured.

        Raises:
            Invalid: neither names a model that can be registered, or the name is not a name.
        """
        body = {
            "name": name,
            "run_id": run_id,
            "model_uri": model_uri,
            "job_id": job_id,
            "logged_model": logged_model,
            "best_of": best_of,
            "description": description,
            "tags": None if tags is None else dict(tags),
            "metrics": None if metrics is None else dict(metrics),
            "parameters": None if parameters is None else dict(parameters),
        }
        given = {key: value for key, value in body.items() if value is not None}
        return Version.from_json(self._transport.post("/mlops/registry", given))
