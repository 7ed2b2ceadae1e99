"""Reads and writes images."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, or_, select, tuple_, update

from modelyard.db.statements import insert_new
from modelyard.images.domain import Image, ImageContent, ImageLayer
from modelyard.images.states import ImageState
from modelyard.images.tables import images
from modelyard.paging import Page, decode_time_cursor, encode_time_cursor

_USABLE = (ImageState.BUILT, ImageState.PUSHED)
_UNFINISHED = (ImageState.PENDING, ImageState.BUILDING)


def add(connection: Connection, image: Image) -> bool:
    """Insert an attempt, unless its job has one; says whether it did."""
    return insert_new(
        connection,
        images,
        id=image.image_id,
        tenant_id=image.tenant_id,
        model_name=image.model_name,
        version=image.version,
        repository=image.repository,
        tag=image.tag,
        state=image.state,
        job_id=image.job_id,
        created_by=image.created_by,
        created_at=image.created_at,
        updated_at=image.updated_at,
    )


def lock(connection: Connection, image_id: str) -> Image | None:
    """One image that nobody else changes until the transaction ends."""
    return _one(connection, select(images).where(images.c.id == image_id).with_for_update())


def find(connection: Connection, image_id: str) -> Image | None:
    """One image, of any tenant."""
    return _one(connection, select(images).where(images.c.id == image_id))


def find_attempt(connection: Connection, image: Image) -> Image | None:
    """What was written down of this attempt: by its job, or an unfinished one of no job in the same repository."""
    if image.job_id is not None:
        return find_of_job(connection, image.job_id)
    query = _of_version(image.tenant_id, image.model_name, image.version).where(
        images.c.repository == image.repository, images.c.job_id.is_(None), images.c.state.in_(_UNFINISHED)
    )
    return next(iter(_all(connection, query.limit(1))), None)


def find_of_job(connection: Connection, job_id: str) -> Image | None:
    """The image that a job makes."""
    return _one(connection, select(images).where(images.c.job_id == job_id))


def move(connection: Connection, image_id: str, state: ImageState, *, at: datetime, **values: Any) -> None:
    """Write the state."""
    connection.execute(update(images).where(images.c.id == image_id).values(state=state, updated_at=at, **values))


def write_push_begun(connection: Connection, image_id: str) -> None:
    """Write down that from now on its registry may have something of it."""
    connection.execute(update(images).where(images.c.id == image_id).values(is_push_begun=True))


def write_content(connection: Connection, image_id: str, content: ImageContent) -> None:
    """Write down what was built."""
    values = {
        "digest": content.digest,
        "config_digest": content.config_digest,
        "size": content.size,
        "layers": [{"digest": one.digest, "size": one.size, "comment": one.comment} for one in content.layers],
        "platform": content.platform,
        "base_digest": content.base_digest,
        "bundle_digest": content.bundle_digest,
        "lock_digest": content.lock_digest,
    }
    connection.execute(update(images).where(images.c.id == image_id).values(**values))


def supersede(connection: Connection, image: Image) -> None:
    """Forget, of the same version and repository, earlier attempts that failed, and what is this image or is only in
    the layout, where this one has taken its name. What was pushed with another digest is still in the registry."""
    digest = None if image.content is None else image.content.digest
    earlier = and_(
        images.c.tenant_id == image.tenant_id,
        images.c.model_name == image.model_name,
        images.c.version == image.version,
        images.c.repository == image.repository,
        images.c.id != image.image_id,
    )
    is_void = or_(images.c.digest == digest, images.c.state.in_((ImageState.FAILED, ImageState.BUILT)))
    ended = images.c.state.not_in(_UNFINISHED)
    connection.execute(delete(images).where(earlier, ended, is_void))


def remove(connection: Connection, image_id: str) -> None:
    """Forget an image."""
    connection.execute(delete(images).where(images.c.id == image_id))


def with_digest(connection: Connection, tenant_id: str, digest: str) -> list[Image]:
    """The images of a tenant with a digest, one for each repository, newest first."""
    return _all(connection, select(images).where(images.c.tenant_id == tenant_id, images.c.digest == digest))


def newest_usable(
    connection: Connection,
    tenant_id: str,
    model_name: str,
    version: int,
    *,
    repository: str,
    must_be_pushed: bool,
    digest: str | None = None,
) -> Image | None:
    """The image of a version in a repository that an engine can run; that of a digest, if one is given."""
    states = (ImageState.PUSHED,) if must_be_pushed else _USABLE
    query = _of_version(tenant_id, model_name, version).where(
        images.c.repository == repository, images.c.state.in_(states)
    )
    if digest is not None:
        query = query.where(images.c.digest == digest)
    return next(iter(_all(connection, query.limit(1))), None)


def newest_usable_of_each(
    connection: Connection, tenant_id: str, model_name: str, versions: Sequence[int]
) -> dict[int, Image]:
    """The newest usable image of each of these versions, in whichever repository."""
    query = select(images).where(
        images.c.tenant_id == tenant_id,
        images.c.model_name == model_name,
        images.c.version.in_(versions),
        images.c.state.in_(_USABLE),
    )
    return {image.version: image for image in reversed(_all(connection, query))}


def of_version(connection: Connection, tenant_id: str, model_name: str, version: int) -> list[Image]:
    """All images of a version, newest first."""
    return _all(connection, _of_version(tenant_id, model_name, version))


def of_model(connection: Connection, tenant_id: str, model_name: str, *, limit: int) -> list[Image]:
    """The images of a model that were built, by version."""
    query = _built(select(images), tenant_id, model_name)
    rows = connection.execute(query.order_by(images.c.version, images.c.id).limit(limit))
    return [_image(row) for row in rows]


def count_of_model(connection: Connection, tenant_id: str, model_name: str) -> int:
    """How many images of a model were built."""
    query = _built(select(func.count()).select_from(images), tenant_id, model_name)
    return int(connection.execute(query).scalar_one())


def names_in_layout(connection: Connection) -> set[tuple[str, str]]:
    """Repository and tag of all images that are in a layout or will be, of all tenants."""
    return names_of(connection, (*_UNFINISHED, *_USABLE))


def pushed_by_name(connection: Connection, names: Collection[str]) -> list[Image]:
    """The images of all tenants that are in their registry, have one of these names, and are not being made again."""
    busy = names_of(connection, (*_UNFINISHED, ImageState.BUILT))
    pushed = _all(connection, select(images).where(images.c.state == ImageState.PUSHED))
    return [image for image in pushed if image.name in names and (image.repository, image.tag) not in busy]


def names_of(connection: Connection, states: Sequence[ImageState]) -> set[tuple[str, str]]:
    """Repository and tag of all images in these states, of all tenants."""
    query = select(images.c.repository, images.c.tag).where(images.c.state.in_(states)).distinct()
    return {(row.repository, row.tag) for row in connection.execute(query)}


def page(
    connection: Connection,
    tenant_id: str,
    *,
    model_name: str | None,
    version: int | None,
    state: ImageState | None,
    limit: int,
    cursor: str | None,
) -> Page[Image]:
    """Images of a tenant, newest first."""
    query = select(images).where(images.c.tenant_id == tenant_id)
    if model_name is not None:
        query = query.where(images.c.model_name == model_name)
    if version is not None:
        query = query.where(images.c.version == version)
    if state is not None:
        query = query.where(images.c.state == state)
    if cursor is not None:
        query = query.where(tuple_(images.c.created_at, images.c.id) < tuple_(*decode_time_cursor(cursor)))
    found = _all(connection, query.limit(limit + 1))
    items = found[:limit]
    is_more = len(found) > limit
    return Page(items, encode_time_cursor(items[-1].created_at, items[-1].image_id) if is_more else None)


def _of_version(tenant_id: str, model_name: str, version: int) -> Select[Any]:
    return select(images).where(
        images.c.tenant_id == tenant_id, images.c.model_name == model_name, images.c.version == version
    )


def _built(query: Select[Any], tenant_id: str, model_name: str) -> Select[Any]:
    return query.where(images.c.tenant_id == tenant_id, images.c.model_name == model_name, images.c.digest.is_not(None))


def _all(connection: Connection, query: Select[Any]) -> list[Image]:
    ordered = query.order_by(images.c.created_at.desc(), images.c.id.desc())
    return [_image(row) for row in connection.execute(ordered)]


def _one(connection: Connection, query: Select[Any]) -> Image | None:
    row = connection.execute(query).first()
    return None if row is None else _image(row)


def _image(row: Row[Any]) -> Image:
    return Image(
        image_id=row.id,
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        version=row.version,
        repository=row.repository,
        tag=row.tag,
        state=ImageState(row.state),
        reason=row.reason,
        content=None if row.digest is None else _content(row),
        job_id=row.job_id,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        is_push_begun=row.is_push_begun,
    )


def _content(row: Row[Any]) -> ImageContent:
    return ImageContent(
        digest=row.digest,
        config_digest=row.config_digest,
        size=row.size,
        layers=[ImageLayer(one["digest"], one["size"], one["comment"]) for one in row.layers],
        platform=row.platform,
        base_digest=row.base_digest,
        bundle_digest=row.bundle_digest,
        lock_digest=row.lock_digest,
    )
