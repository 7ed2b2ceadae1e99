"""The records of images: made with a job, moved through their life cycle, listed, and found for deployments."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.access.limits import lock_quotas
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, NotFound
from modelyard.images import store
from modelyard.images.domain import Image, ImageContent, Repositories, has_registry
from modelyard.images.states import TRANSITIONS, ImageState
from modelyard.naming import image_tag
from modelyard.oci.reference import Repository
from modelyard.paging import Page
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService

_MAX_REASON = 2000
_ID = "img-"


class ImageService:
    """All images of all tenants."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        registry: RegistryService,
        repositories: Repositories,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._registry = registry
        self.repositories = repositories

    def new(self, principal: Principal, version: Version, *, repository: Repository, job_id: str | None) -> Image:
        """An attempt at the image of a version, which is not written down yet."""
        now = self._clock.now()
        return Image(
            image_id=f"{_ID}{uuid4().hex}",
            tenant_id=version.tenant_id,
            model_name=version.model_name,
            version=version.version,
            repository=str(repository),
            tag=image_tag(self._registry.label(version.tenant_id, version.model_name), version.version),
            state=ImageState.PENDING,
            reason=None,
            content=None,
            job_id=job_id,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
        )

    def add(self, principal: Principal, image: Image) -> Image:
        """Write an attempt down. One of the same job, or an unfinished one of no job, is the same attempt.

        Raises:
            Conflict: code `version_deleting`.
        """
        with self._database.write() as connection:
            lock_quotas(connection, principal.tenant_id)
            self.add_within(connection, principal, image)
            found = store.find_attempt(connection, image)
        if found is None:
            raise AssertionError("an attempt that was just written down is there")
        return found

    def add_within(self, connection: Connection, principal: Principal, image: Image) -> None:
        """The same, in the caller's transaction, which holds the tenant's row.

        A deletion holds that row too when it begins: so either it sees this image, or this one sees it.
        """
        self._registry.get_not_deleting(connection, principal, image.model_name, image.version)
        if store.find_attempt(connection, image) is None:
            store.add(connection, image)

    def page(
        self,
        principal: Principal,
        *,
        model_name: str | None = None,
        version: int | None = None,
        state: ImageState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Image]:
        """Images of the caller's tenant, newest first."""
        with self._database.read() as connection:
            return store.page(
                connection,
                principal.tenant_id,
                model_name=model_name,
                version=version,
                state=state,
                limit=limit,
                cursor=cursor,
            )

    def get(self, principal: Principal, key: str) -> Image:
        """An image of the caller's tenant by its id, or the newest one of a digest.

        Raises:
            NotFound: code `image_not_found`.
        """
        return self.named(principal, key)[0]

    def named(self, principal: Principal, key: str) -> Sequence[Image]:
        """The images of the caller's tenant that an id or a digest names, newest first; of a digest there is one for
        each repository.

        Raises:
            NotFound: code `image_not_found`.
        """
        with self._database.read() as connection:
            if key.startswith(_ID):
                one = store.find(connection, key)
                found = [] if one is None or one.tenant_id != principal.tenant_id else [one]
            else:
                found = store.with_digest(connection, principal.tenant_id, key)
        if not found:
            raise _not_found(key)
        return found

    def find(self, image_id: str) -> Image | None:
        """An image, of any tenant; None of one that was deleted or that another one has taken the place of."""
        with self._database.read() as connection:
            return store.find(connection, image_id)

    def of_job(self, job_id: str) -> Image | None:
        """The image that a job makes."""
        with self._database.read() as connection:
            return store.find_of_job(connection, job_id)

    def of_version(self, version: Version) -> Sequence[Image]:
        """All images of a version, newest first."""
        with self._database.read() as connection:
            return store.of_version(connection, version.tenant_id, version.model_name, version.version)

    def usable(
        self,
        tenant_id: str,
        model_name: str,
        number: int,
        *,
        repository: Repository,
        must_be_pushed: bool,
        digest: str | None = None,
    ) -> Image | None:
        """The image of a version in a repository that engines run: the newest that was built, or pushed; that of a
        digest, if one is given."""
        with self._database.read() as connection:
            return self.usable_within(
                connection,
                tenant_id,
                model_name,
                number,
                repository=repository,
                must_be_pushed=must_be_pushed,
                digest=digest,
            )

    @staticmethod
    def usable_within(
        connection: Connection,
        tenant_id: str,
        model_name: str,
        number: int,
        *,
        repository: Repository,
        must_be_pushed: bool,
        digest: str | None = None,
    ) -> Image | None:
        """The same, in the caller's transaction."""
        return store.newest_usable(
            connection,
            tenant_id,
            model_name,
            number,
            repository=str(repository),
            must_be_pushed=must_be_pushed,
            digest=digest,
        )

    def names(self, principal: Principal, model_name: str, versions: Sequence[int]) -> Mapping[int, str]:
        """Of each of these versions that has an image: the reference of the newest one."""
        with self._database.read() as connection:
            found = store.newest_usable_of_each(connection, principal.tenant_id, model_name, versions)
        return {number: image.reference for number, image in found.items()}

    def of_model(self, tenant_id: str, model_name: str, most: int) -> Sequence[Image]:
        """The first images of a model that were built, by version."""
        with self._database.read() as connection:
            return store.of_model(connection, tenant_id, model_name, limit=most)

    def count(self, tenant_id: str, model_name: str) -> int:
        """How many images of a model were built."""
        with self._database.read() as connection:
            return store.count_of_model(connection, tenant_id, model_name)

    def names_in_layout(self) -> set[str]:
        """The names of all images that are in a layout or will be, of all tenants."""
        with self._database.read() as connection:
            return {f"{repository}:{tag}" for repository, tag in store.names_in_layout(connection)}

    # What jobs call.

    def begin(self, principal: Principal, image: Image) -> Image:
        """The attempt, being built. One that is further stays where it is.

        Raises:
            Conflict: code `image_gone`: the image was deleted meanwhile.
        """
        with self._database.write() as connection:
            found = self._locked(connection, image)
            if found.state is ImageState.PENDING:
                self._move(connection, principal, found, ImageState.BUILDING)
            return self._locked(connection, image)

    def note_built(self, principal: Principal, image: Image, content: ImageContent) -> Image:
        """Write down what was built. Where there is no registry, it takes the place of earlier images.

        Raises:
            Conflict: as `begin`.
        """
        with self._database.write() as connection:
            found = self._locked(connection, image)
            store.write_content(connection, image.image_id, content)
            if found.state is ImageState.BUILDING:
                self._move(connection, principal, found, ImageState.BUILT, after={"digest": content.digest})
            built = self._locked(connection, image)
            if not has_registry(Repository.parse(built.repository)):
                store.supersede(connection, built)
            return built

    def note_push_begun(self, image: Image) -> None:
        """Write down, before the first byte is sent, that its registry may have something of it.

        Raises:
            Conflict: as `begin`.
        """
        with self._database.write() as connection:
            if not self._locked(connection, image).is_push_begun:
                store.write_push_begun(connection, image.image_id)

    def note_pushed(self, principal: Principal, image: Image) -> Image:
        """Write down that it is in its registry. It takes the place of earlier images.

        Raises:
            Conflict: as `begin`.
        """
        with self._database.write() as connection:
            found = self._locked(connection, image)
            if found.state is ImageState.BUILT:
                self._move(connection, principal, found, ImageState.PUSHED, after={"digest": _digest(found)})
                store.supersede(connection, found)
            return self._locked(connection, image)

    def note_failed(self, principal: Principal, image: Image, reason: str) -> None:
        """Write down why an attempt came to nothing. One that is whole stays whole."""
        with self._database.write() as connection:
            found = store.lock(connection, image.image_id)
            if found is not None and not found.is_whole and ImageState.FAILED in TRANSITIONS[found.state]:
                self._move(connection, principal, found, ImageState.FAILED, reason=plain_text(reason)[:_MAX_REASON])

    def remove(self, principal: Principal, image: Image, *, reason: str, is_left_in_registry: bool) -> None:
        """Forget an image whose content is gone. Forgotten already: nothing to do."""
        with self._database.write() as connection:
            found = store.lock(connection, image.image_id)
            if found is None:
                return
            store.remove(connection, image.image_id)
            after = {"reference": found.reference, "is_left_in_registry": is_left_in_registry}
            self._record(connection, principal, "image.deleted", found, reason=reason, after=after)

    def _locked(self, connection: Connection, image: Image) -> Image:
        found = store.lock(connection, image.image_id)
        if found is None:
            raise Conflict(
                f"the image of version {image.version} of '{image.model_name}' was deleted while its job ran",
                code="image_gone",
            )
        return found

    def _move(
        self,
        connection: Connection,
        principal: Principal,
        image: Image,
        state: ImageState,
        *,
        reason: str | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """The one place where an image's state changes."""
        if state not in TRANSITIONS[image.state]:
            raise Conflict(
                f"image '{image.image_id}' cannot go from {image.state} to {state}", code="image_transition_refused"
            )
        store.move(connection, image.image_id, state, at=self._clock.now(), reason=reason)
        facts = {"state": state, "image": image.name, **(after or {})}
        before = {"state": image.state}
        self._record(connection, principal, f"image.{state}", image, reason=reason or "", before=before, after=facts)

    def _record(
        self,
        connection: Connection,
        principal: Principal,
        action: str,
        image: Image,
        *,
        reason: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any],
    ) -> None:
        self._audit.record(
            connection,
            principal=principal,
            action=action,
            subject=f"{image.subject}/images/{image.image_id}",
            reason=reason,
            before=before,
            after={**after, "model": image.subject},
        )


def _digest(image: Image) -> str | None:
    return None if image.content is None else image.content.digest


def _not_found(key: str) -> NotFound:
    return NotFound(f"there is no image '{key[:100]}'", code="image_not_found")
