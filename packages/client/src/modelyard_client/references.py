"""What a caller may mean by naming a deployment: its id, or the name of its model. It decides; others ask and act."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from modelyard_client.errors import NotFound


class Serving(Protocol):
    """What is looked at of a deployment."""

    @property
    def model_version(self) -> int:
        """The version that it serves."""

    @property
    def status(self) -> str:
        """Where it stands, for example ready."""

    @property
    def is_over(self) -> bool:
        """Whether it serves no more."""


T = TypeVar("T", bound=Serving)
Found_co = TypeVar("Found_co", bound=Serving, covariant=True)


class Source(Protocol[Found_co]):
    """Knows deployments."""

    def get(self, deployment_id: str) -> Found_co:
        """The one with this id; raises NotFound."""

    def list(self, *, model_name: str) -> Iterable[Found_co]:
        """All of a model."""


def candidates(deployments: Source[T], reference: str, *, version: int | None) -> Sequence[T]:
    """The deployment with this id, else all of the model with this name (and version), the ready ones first.

    Those that are over count only if there is no other.

    Raises:
        NotFound: there is none.
    """
    by_id = _with_id(deployments, reference)
    named = deployments.list(model_name=reference) if by_id is None else [by_id]
    found = [candidate for candidate in named if version in {None, candidate.model_version}]
    if not found:
        which = described(reference, version)
        raise NotFound(f"there is no deployment of {which}", code="deployment_not_found", field="deployment_id")
    living = [candidate for candidate in found if not candidate.is_over]
    return sorted(living or found, key=lambda candidate: candidate.status != "ready")


def described(reference: str, version: int | None) -> str:
    """The reference as a sentence says it."""
    return reference if version is None else f"version {version} of {reference}"


def _with_id(deployments: Source[T], deployment_id: str) -> T | None:
    try:
        return deployments.get(deployment_id)
    except NotFound:
        return None
