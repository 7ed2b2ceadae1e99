"""The targets that the operator has configured, and what may be asked of each."""

from collections.abc import Iterator, Mapping

from modelyard.deployments.domain import Deployment, autoscaling_to_json, checked_autoscaling, resources_to_json
from modelyard.errors import Conflict, Invalid
from modelyard.images.domain import LOCAL_IMAGES, Repositories, refuse_without_registry
from modelyard.oci.reference import Repository
from modelyard.ports.target import (
    Autoscales,
    Autoscaling,
    LimitsCpu,
    LimitsMemory,
    LimitsNamespaces,
    OffersGpus,
    Resources,
    RunsImages,
    Target,
)
from modelyard.principals import FIRST_TENANT

_MEBIBYTE = 1024 * 1024


class Targets:
    """Targets by name. The first one is meant where none is named.

    `repositories` says where images for them are.
    """

    def __init__(self, targets: Mapping[str, Target], repositories: Repositories = LOCAL_IMAGES) -> None:
        if not targets:
            raise Invalid("MODELYARD_TARGETS: expected at least one target, got none", code="target_options_invalid")
        self._targets = dict(targets)
        self._repositories = repositories

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    @property
    def default(self) -> str:
        """The target of deployments that name none."""
        return next(iter(self._targets))

    def find(self, name: str) -> Target | None:
        """The target of this name; None of one that is not configured any more."""
        return self._targets.get(name)

    def repository(self, name: str, tenant_id: str) -> Repository | None:
        """Where a target takes a tenant's images from; None of one that runs no images."""
        target: object = self._targets.get(name)
        return self._repositories.of(tenant_id, name) if isinstance(target, RunsImages) else None

    def named(self, name: str | None) -> str:
        """The name of the target that is meant.

        Raises:
            Invalid: code `target_unknown`.
        """
        known = self.default if name is None else name
        if known not in self._targets:
            there = ", ".join(f"'{one}'" for one in self._targets)
            raise Invalid(
                f"target: expected one of the configured targets ({there}), got {known[:80]!r}",
                code="target_unknown",
                field="target",
            )
        return known

    def refuse_unconfigured(self, deployment: Deployment) -> None:
        """Raises:
        Conflict: code `target_not_configured`, as nobody can stop or change servers there.
        """
        if deployment.target not in self._targets:
            raise Conflict(
                f"deployment '{deployment.deployment_id}' is in the target '{deployment.target}', which is not "
                "configured: add it to MODELYARD_TARGETS, so that its servers can be reached",
                code="target_not_configured",
            )

    def check(self, name: str | None, resources: Resources, *, namespace: str | None = None) -> None:
        """Refuse what the target cannot honour; without a name, the default target.

        Raises:
            Invalid: code `target_unknown`, `target_field_unsupported`, `resources_invalid`, `namespace_not_allowed`, or
                `image_repository_local` of a target that pulls images where there is no registry.
        """
        known = self.named(name)
        target = self._targets[known]
        self._refuse_unpullable(known, target)
        for field, asked, most, is_supported in _demands(target, resources):
            _check(known, field, asked, most=most, is_supported=is_supported)
        if namespace is not None and isinstance(target, LimitsNamespaces):
            target.check_namespace(namespace)

    def check_autoscaling(self, name: str | None, autoscaling: Autoscaling | None) -> None:
        """Refuse bounds that are none, and a target that cannot choose the number of replicas; it may be asked.

        Raises:
            Invalid: code `autoscaling_invalid` or `target_field_unsupported`.
            Unavailable: the target does not answer.
        """
        if autoscaling is None:
            return
        checked_autoscaling(autoscaling)
        known = self.default if name is None else name
        target: object = self._targets.get(known)
        why = (
            target.why_no_autoscaling() if isinstance(target, Autoscales) else "its number of replicas is what is asked"
        )
        if why is not None:
            raise Invalid(
                f"autoscaling: the target '{known}' cannot honour it: {why}",
                code="target_field_unsupported",
                field="autoscaling",
            )

    def _refuse_unpullable(self, name: str, target: object) -> None:
        if isinstance(target, RunsImages) and target.pulls:
            repository = self._repositories.of(FIRST_TENANT, name)
            refuse_without_registry(repository, why=f"the target '{name}' pulls images from a registry", field="target")


def placement(name: str | None, resources: Resources, autoscaling: Autoscaling | None) -> dict[str, object]:
    """The fields of a job's request: the target that was named, if any, and what was requested of it."""
    fields = {
        "target": name,
        "resources": resources_to_json(resources),
        "autoscaling": autoscaling_to_json(autoscaling),
    }
    return {field: value for field, value in fields.items() if value}


def _demands(target: Target, resources: Resources) -> Iterator[tuple[str, float | None, float | None, bool]]:
    """Of each resource: its field, what is asked for, the most that the target gives, and whether it gives any."""
    cpu = target.most_cpu if isinstance(target, LimitsCpu) else None
    yield "resources.cpu", resources.cpu, cpu, isinstance(target, LimitsCpu)
    memory = target.max_memory_bytes if isinstance(target, LimitsMemory) else None
    asked = None if resources.memory_bytes is None else resources.memory_bytes / _MEBIBYTE
    yield (
        "resources.memory_mb",
        asked,
        None if memory is None else memory / _MEBIBYTE,
        isinstance(target, LimitsMemory),
    )
    gpus = target.most_gpus if isinstance(target, OffersGpus) else None
    yield "resources.gpus", resources.gpus, gpus, isinstance(target, OffersGpus)


def _check(target: str, field: str, asked: float | None, *, most: float | None, is_supported: bool) -> None:
    if asked is None:
        return
    if not is_supported:
        raise Invalid(
            f"{field}: the target '{target}' cannot honour it, got {_number(asked)}",
            code="target_field_unsupported",
            field=field,
        )
    if most is not None and asked > most:
        raise Invalid(
            f"{field}: expected at most {_number(most)}, which the target '{target}' gives a replica, "
            f"got {_number(asked)}",
            code="resources_invalid",
            field=field,
        )


def _number(value: float) -> str:
    """Without the exponent of a large number, and without the point of a whole one."""
    return f"{value:f}".rstrip("0").rstrip(".")
