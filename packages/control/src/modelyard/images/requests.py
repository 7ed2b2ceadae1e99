"""What a caller may ask for: a job that makes the image of a version."""

from dataclasses import dataclass, replace

from modelyard.errors import Invalid
from modelyard.images.bases import Bases
from modelyard.images.domain import has_registry, refuse_without_registry
from modelyard.images.kinds import IMAGE
from modelyard.images.service import ImageService
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.oci.reference import Repository
from modelyard.principals import Principal
from modelyard.registry.domain import refuse_deleting
from modelyard.registry.service import RegistryService


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCommand:
    """How an image is asked for; the fields are those of the API."""

    target: str | None = None
    """Whose repository is meant."""
    push: bool | None = None
    """None: if its repository has a registry."""


class ImageRequests:
    """Begins jobs that make images.

    `targets` are the names of those that the operator has configured.
    """

    def __init__(
        self,
        *,
        images: ImageService,
        jobs: JobService,
        registry: RegistryService,
        bases: Bases,
        targets: frozenset[str],
    ) -> None:
        self._images = images
        self._jobs = jobs
        self._registry = registry
        self._bases = bases
        self._targets = targets

    def make(
        self, principal: Principal, name: str, number: int, command: ImageCommand, *, idempotency_key: str | None
    ) -> tuple[Job, str]:
        """A job that makes the image of a version, and what the image will be called.

        Raises:
            NotFound: there is no such model or version.
            Invalid: code `target_unknown` or `image_repository_local`.
            Conflict: code `image_base_missing`, `version_deleting`, `idempotency_key_reused` or `quota_exceeded`.
        """
        found = self._registry.version(principal, name, number)
        refuse_deleting(found)
        repository = self.refuse_impossible(principal, command)
        pushes = has_registry(repository) if command.push is None else command.push

        attempt = self._images.new(principal, found, repository=repository, job_id=None)
        job = self._jobs.create(
            principal,
            kind=IMAGE,
            model_name=found.model_name,
            request={"version": found.version, "repository": str(repository), "push": pushes},
            asked={"version": number, "target": command.target, "push": command.push},
            idempotency_key=idempotency_key,
            experiment_name=None,
            alongside=lambda connection, made: self._images.add_within(
                connection, principal, replace(attempt, job_id=made.job_id)
            ),
        )
        return job, f"{job.request['repository']}:{attempt.tag}"

    def refuse_impossible(self, principal: Principal, command: ImageCommand) -> Repository:
        """Refuse what cannot be made of any version; else the repository that is meant.

        Raises:
            Invalid, Conflict: as `make`.
        """
        self._check_target(command.target)
        repository = self._images.repositories.of(principal.tenant_id, command.target)
        if command.push:
            refuse_without_registry(repository, why="an image is pushed to a registry", field="push")
        self._bases.refuse_missing()
        return repository

    def _check_target(self, name: str | None) -> None:
        if name is not None and name not in self._targets:
            known = ", ".join(f"'{one}'" for one in sorted(self._targets))
            raise Invalid(
                f"target: expected one of the configured targets ({known}), got {name[:80]!r}",
                code="target_unknown",
                field="target",
            )
