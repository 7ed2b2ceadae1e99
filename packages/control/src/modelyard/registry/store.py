"""Reads and writes models, versions and their files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    func,
    insert,
    literal_column,
    select,
    update,
)

from modelyard.db.statements import insert_new
from modelyard.errors import Conflict
from modelyard.registry.domain import Dataset, FileEntry, Manifest, Model, NewVersion, StagedVersion, Version
from modelyard.registry.name_store import find_mirrored, free_label, free_mirror_name, names_of
from modelyard.registry.provenance import Provenance
from modelyard.registry.search_index.rows import index_model, index_new_version, index_version_metrics
from modelyard.registry.states import Stage
from modelyard.registry.tables import models, version_files, versions


def add_model(
    connection: Connection,
    tenant_id: str,
    name: str,
    *,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    mirror_name: str | None = None,
    at: datetime,
) -> bool:
    """Insert a model without versions, unless there is or was one of this name; says whether it did.

    What is looked up of its tags is the caller's to write. `mirror_name` is what MLflow calls it already.

    Raises:
        Conflict: code `mirror_name_taken`, when MLflow calls another model so, or this one otherwise.
    """
    # Somebody else may take a label between the look-up and the insert, and then has committed.
    while (names := names_of(connection, tenant_id, name)) is None:
        if mirror_name is not None and find_mirrored(connection, mirror_name) is not None:
            raise Conflict(f"MLflow's '{mirror_name}' is another model", code="mirror_name_taken")
        if insert_new(
            connection,
            models,
            tenant_id=tenant_id,
            name=name,
            label=free_label(connection, tenant_id, name),
            mirror_name=mirror_name or free_mirror_name(connection, tenant_id, name),
            description=description,
            tags=dict(tags or {}),
            owners=[],
            last_version=0,
            created_at=at,
            updated_at=at,
            revision=1,
        ):
            return True
    if mirror_name not in {None, names[1]}:
        raise Conflict(f"model '{name}' is MLflow's '{names[1]}', not '{mirror_name}'", code="mirror_name_taken")
    return False


def begin_model(
    connection: Connection, tenant_id: str, name: str, *, at: datetime, description: str, tags: Mapping[str, str]
) -> None:
    """Write what a model begins with, also over what one of this name had before it was deleted."""
    query = update(models).where(models.c.tenant_id == tenant_id, models.c.name == name)
    connection.execute(
        query.values(
            description=description,
            tags=dict(tags),
            owners=[],
            created_at=at,
            updated_at=at,
            revision=models.c.revision + 1,
            deletion_job_id=None,
            deleted_at=None,
        )
    )
    index_model(connection, tenant_id, name, tags=tags, owners=[])


def allot_version(connection: Connection, tenant_id: str, name: str, *, at: datetime) -> int:
    """Count the model's last version up and give it.

    The row stays locked until the transaction ends, so two that register at once get two numbers.
    """
    query = (
        update(models)
        .where(models.c.tenant_id == tenant_id, models.c.name == name)
        .values(
            last_version=models.c.last_version + 1,
            updated_at=at,
            revision=models.c.revision + 1,
        )
        .returning(models.c.last_version)
    )
    number: int = connection.execute(query).scalar_one()
    return number


def add_version(
    connection: Connection, tenant_id: str, number: int, new: NewVersion, *, at: datetime, created_by: str
) -> None:
    """Insert a version with its files, in stage `none`."""
    key = {"tenant_id": tenant_id, "model_name": new.model_name, "version": number}
    connection.execute(
        insert(versions).values(
            **key,
            stage=Stage.NONE,
            model_uri=new.model_uri,
            artifact_uri=new.artifact_uri,
            run_id=new.run_id,
            experiment_name=new.experiment_name,
            description=new.description,
            tags=dict(new.tags),
            metrics=dict(new.metrics),
            parameters=dict(new.parameters),
            signature=None if new.signature is None else dict(new.signature),
            manifest_digest=new.manifest.digest,
            size=new.manifest.size,
            lock_digest=new.lock_digest,
            job_id=new.job_id,
            datasets=[asdict(dataset) for dataset in new.datasets],
            claimed_metrics=dict(new.claimed_metrics),
            provenance=new.provenance.to_json(),
            script_sha256=new.provenance.script_sha256,
            created_at=at,
            created_by=created_by,
            revision=1,
        )
    )
    rows = [{**key, "path": file.path, "sha256": file.sha256, "size": file.size} for file in new.manifest.files]
    connection.execute(insert(version_files), rows)
    index_new_version(connection, tenant_id, new.model_name, number, new.tags)
    index_version_metrics(connection, tenant_id, new.model_name, number, new.metrics)


def find_version(connection: Connection, tenant_id: str, name: str, number: int) -> Version | None:
    """One version that is not deleted."""
    query = select(versions).where(
        versions.c.tenant_id == tenant_id,
        versions.c.model_name == name,
        versions.c.version == number,
        versions.c.deleted_at.is_(None),
    )
    row = connection.execute(query).first()
    return None if row is None else version_of_row(row)


def change_version(connection: Connection, version: Version, **values: Any) -> bool:
    """Write some columns if nobody has changed the version since it was read; whether that was so."""
    statement = (
        update(versions)
        .where(
            versions.c.tenant_id == version.tenant_id,
            versions.c.model_name == version.model_name,
            versions.c.version == version.version,
            versions.c.revision == version.revision,
            versions.c.deleted_at.is_(None),
        )
        .values(revision=version.revision + 1, **values)
    )
    return connection.execute(statement).rowcount == 1


def touch_model(connection: Connection, tenant_id: str, name: str, *, at: datetime) -> None:
    """Note that something of the model changed, and hold its row until the transaction ends.

    So all changes of one model's stages come one after the other.
    """
    change_model(connection, tenant_id, name, at=at)


def lock_model(connection: Connection, tenant_id: str, name: str) -> None:
    """Let nobody else change the model or its versions until the transaction ends; on SQLite no writer can anyway."""
    query = select(models.c.name).where(models.c.tenant_id == tenant_id, models.c.name == name)
    connection.execute(query.with_for_update())


def change_model(connection: Connection, tenant_id: str, name: str, *, at: datetime, **values: Any) -> None:
    """Write some columns of a model."""
    statement = update(models).where(models.c.tenant_id == tenant_id, models.c.name == name)
    connection.execute(statement.values(updated_at=at, revision=models.c.revision + 1, **values))


def versions_in_stages(connection: Connection) -> list[StagedVersion]:
    """Those in production and in staging, of all tenants, oldest first."""
    columns = (versions.c.tenant_id, versions.c.model_name, versions.c.version, versions.c.stage)
    query = select(*columns).where(
        versions.c.stage.in_([Stage.PRODUCTION, Stage.STAGING]), versions.c.deleted_at.is_(None)
    )
    found = connection.execute(query.order_by(*columns[:3]))
    return [StagedVersion(row.tenant_id, row.model_name, row.version, Stage(row.stage)) for row in found]


def version_in(connection: Connection, tenant_id: str, name: str, stage: Stage) -> Version | None:
    """The newest version in this stage; the only one, for production."""
    query = select(versions).where(
        versions.c.tenant_id == tenant_id,
        versions.c.model_name == name,
        is_in(stage),
        versions.c.deleted_at.is_(None),
    )
    row = connection.execute(query.order_by(versions.c.version.desc()).limit(1)).first()
    return None if row is None else version_of_row(row)


def find_version_of_job(connection: Connection, job_id: str) -> Version | None:
    """The version that this job registered."""
    row = connection.execute(select(versions).where(versions.c.job_id == job_id)).first()
    return None if row is None else version_of_row(row)


def is_archive_needed(connection: Connection, tenant_id: str, sha256: str) -> bool:
    """Whether a version that is not deleted was made of an archive of this digest."""
    query = select(versions.c.version).where(
        versions.c.tenant_id == tenant_id,
        versions.c.deleted_at.is_(None),
        versions.c.provenance["archive_sha256"].as_string() == sha256,
    )
    return connection.execute(query.limit(1)).first() is not None


def children_of(connection: Connection, tenant_id: str, name: str, number: int, *, limit: int) -> list[Version]:
    """The versions of a model that were retrained by the recipe of one of them, newest first."""
    query = select(versions).where(
        versions.c.tenant_id == tenant_id,
        versions.c.model_name == name,
        versions.c.deleted_at.is_(None),
        versions.c.provenance["parent_version"].as_integer() == number,
    )
    rows = connection.execute(query.order_by(versions.c.version.desc()).limit(limit))
    return [version_of_row(row) for row in rows]


def find_version_of(connection: Connection, tenant_id: str, name: str, model_uri: str) -> Version | None:
    """The newest version of a model that was made of this logged model."""
    query = select(versions).where(
        versions.c.model_uri == model_uri,
        versions.c.tenant_id == tenant_id,
        versions.c.model_name == name,
        versions.c.deleted_at.is_(None),
    )
    row = connection.execute(query.order_by(versions.c.version.desc()).limit(1)).first()
    return None if row is None else version_of_row(row)


def versions_of(connection: Connection, tenant_id: str, name: str) -> list[Version]:
    """All versions of a model that are not deleted, newest first."""
    query = (
        select(versions)
        .where(versions.c.tenant_id == tenant_id, versions.c.model_name == name, versions.c.deleted_at.is_(None))
        .order_by(versions.c.version.desc())
    )
    return [version_of_row(row) for row in connection.execute(query)]


def find_versions(connection: Connection, tenant_id: str, name: str, numbers: Sequence[int]) -> list[Version]:
    """Those of these versions that are not deleted, oldest first."""
    query = select(versions).where(
        versions.c.tenant_id == tenant_id,
        versions.c.model_name == name,
        versions.c.version.in_(numbers),
        versions.c.deleted_at.is_(None),
    )
    return [version_of_row(row) for row in connection.execute(query.order_by(versions.c.version))]


def manifest(connection: Connection, version: Version) -> Manifest:
    """The files of a version."""
    query = (
        select(version_files.c.path, version_files.c.sha256, version_files.c.size)
        .where(
            version_files.c.tenant_id == version.tenant_id,
            version_files.c.model_name == version.model_name,
            version_files.c.version == version.version,
        )
        .order_by(version_files.c.path)
    )
    return Manifest(tuple(FileEntry(*row) for row in connection.execute(query)))


def find_model(connection: Connection, tenant_id: str, name: str) -> Model | None:
    """One model that is not deleted."""
    row = connection.execute(models_query(tenant_id).where(models.c.name == name)).first()
    return None if row is None else model_of_row(row._asdict())


def count_models(connection: Connection, tenant_id: str) -> int:
    """How many models the tenant has."""
    query = select(func.count()).where(models.c.tenant_id == tenant_id, models.c.deleted_at.is_(None))
    return connection.execute(query.select_from(models)).scalar_one()


def count_versions(connection: Connection, tenant_id: str) -> int:
    """How many versions of all its models the tenant has."""
    query = select(func.count()).where(versions.c.tenant_id == tenant_id, versions.c.deleted_at.is_(None))
    return connection.execute(query.select_from(versions)).scalar_one()


def newest_version(stage: Stage | None = None) -> ScalarSelect[Any]:
    """The number of a model's newest version, in a stage or in any: one look-up in an index, however many there are."""
    query = select(versions.c.version).where(
        versions.c.tenant_id == models.c.tenant_id,
        versions.c.model_name == models.c.name,
        versions.c.deleted_at.is_(None),
    )
    if stage is not None:
        query = query.where(is_in(stage))
    # A limit that is a parameter would be planned for its value at every call.
    return query.order_by(versions.c.version.desc()).limit(literal_column("1")).correlate(models).scalar_subquery()


def is_in(stage: Stage) -> ColumnElement[bool]:
    """Whether a version is in the stage, which is written into the statement.

    There is an index of those in production; SQLite plans a statement anew each time that a parameter might name them.
    """
    return versions.c.stage == literal_column(f"'{stage}'")


def models_query(tenant_id: Any) -> Select[Any]:
    """Models with the versions that stand for them."""
    return select(
        models,
        newest_version().label("latest_version"),
        newest_version(Stage.PRODUCTION).label("production_version"),
        newest_version(Stage.STAGING).label("staging_version"),
    ).where(models.c.tenant_id == tenant_id, models.c.deleted_at.is_(None))


def model_of_row(row: Mapping[str, Any]) -> Model:
    """A row of `models_query` as the domain knows it."""
    return Model(
        tenant_id=row["tenant_id"],
        name=row["name"],
        label=row["label"],
        mirror_name=row["mirror_name"],
        description=row["description"],
        tags=row["tags"],
        owners=tuple(row["owners"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
        latest_version=row["latest_version"],
        production_version=row["production_version"],
        staging_version=row["staging_version"],
        deletion_job_id=row["deletion_job_id"],
    )


def version_of_row(row: Row[Any]) -> Version:
    """A row of `versions` as the domain knows it."""
    return Version(
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        version=row.version,
        stage=Stage(row.stage),
        model_uri=row.model_uri,
        artifact_uri=row.artifact_uri,
        run_id=row.run_id,
        experiment_name=row.experiment_name,
        description=row.description,
        tags=row.tags,
        metrics=row.metrics,
        parameters=row.parameters,
        signature=row.signature,
        manifest_digest=row.manifest_digest,
        size=row.size,
        lock_digest=row.lock_digest,
        job_id=row.job_id,
        created_at=row.created_at,
        created_by=row.created_by,
        revision=row.revision,
        deletion_job_id=row.deletion_job_id,
        datasets=None if row.datasets is None else tuple(Dataset(**dataset) for dataset in row.datasets),
        claimed_metrics=row.claimed_metrics,
        provenance=Provenance.from_json(row.provenance, script_sha256=row.script_sha256),
    )
