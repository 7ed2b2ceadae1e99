"""The names of a deployment's objects, the labels that find them, and what is said of them in each. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.naming import derived_label, short_digest
from modelyard.ports.target import ServerSpec

INSTALLATION = "modelyard.dev/installation"
TARGET = "modelyard.dev/target"
DEPLOYMENT = "modelyard.dev/deployment"
GENERATION = "modelyard.dev/generation"
VERSION = "app.kubernetes.io/version"

_MOST = 63
_SUFFIX = "-inference"
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose objects are: one cluster may have several targets of one installation."""

    installation: str
    target: str

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of all that is its own, besides that of the deployment."""
        return {INSTALLATION: self.installation, TARGET: self.target}

    def has(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is its own."""
        return all(labels.get(name) == value for name, value in self.labels.items())


@dataclass(frozen=True, slots=True)
class Place:
    """Where the objects of a deployment are, for as long as it lives: all have this one name."""

    namespace: str
    name: str
    owner: Owner
    deployment_id: str

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels of all pods of the deployment, and of no others: no version, no generation."""
        return {**self.owner.labels, DEPLOYMENT: self.deployment_id}


def plain_name(spec: ServerSpec) -> str:
    """`my-model-inference`, where no other deployment has it."""
    return spec.labels.get("app") or f"{derived_label(spec.model_name)}{_SUFFIX}"


def other_name(spec: ServerSpec) -> str:
    """Where one has: with a short digest of the deployment's id behind it, within the characters of a DNS label."""
    digest = short_digest(spec.deployment_id)
    return f"{plain_name(spec)[: _MOST - 1 - len(digest)].rstrip('-')}-{digest}"


def labels_of(spec: ServerSpec, place: Place) -> Mapping[str, str]:
    """The labels of the deployment's objects: those that its spec has, and ours over them."""
    given = {name: value for name, value in spec.labels.items() if _VALUE.fullmatch(value)}
    app = plain_name(spec)
    return {
        "app": app,
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/component": "inference",
        "app.kubernetes.io/managed-by": "modelyard",
        VERSION: str(spec.version),
        **given,
        "app.kubernetes.io/instance": place.name,
        **place.selector,
    }


def pod_labels(spec: ServerSpec, place: Place) -> Mapping[str, str]:
    """Besides, the generation, by which pods of two versions differ."""
    return {**labels_of(spec, place), GENERATION: str(spec.generation)}
