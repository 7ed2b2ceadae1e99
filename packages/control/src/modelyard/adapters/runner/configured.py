"""The runners that the operator has configured: from a type's name and its settings to a runner.

A new type is its module and its line in `RUNNERS`; its settings are the module's own, read from MODELYARD_RUNNERS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from modelyard.adapters.runner.home import local_runner
from modelyard.adapters.runner.run_image import RunImages
from modelyard.errors import Invalid
from modelyard.findings import findings
from modelyard.home import Home
from modelyard.isolation import Isolation
from modelyard.oci.registry.client import Registry
from modelyard.ports.runner import Runner

RUNNERS = {
    "databricks": "modelyard.adapters.runner.databricks_runner:databricks_runner",
    "docker": "modelyard.adapters.runner.docker_runner:docker_runner",
    "kubernetes": "modelyard.adapters.runner.kubernetes_runner:kubernetes_runner",
    "local": "modelyard.adapters.runner.configured:_local",
}
"""From a type's name to what makes its runners, which is imported when one is configured."""


@dataclass(frozen=True, slots=True)
class RunnerContext:
    """What runners may use of the control plane."""

    home: Home
    isolation: Isolation
    installation: Callable[[], str]
    """The id of this installation; known when the database has its schema."""
    images: RunImages
    open_registry: Callable[[str], Registry]
    """The registry of a host, with the operator's credentials; to be closed."""
    tracking_uri: str
    """As the control plane reaches the tracking server."""
    is_tracker_ours: bool
    """Whether that is the local stack's own, on this machine."""
    is_tracker_local: bool
    """Whether it listens on loopback only."""


class RunnerOptions(BaseModel):
    """The settings of a runner. What is unknown is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RunnerType(Protocol):
    """Makes the runners of a type."""

    def __call__(self, name: str, options: Mapping[str, Any], context: RunnerContext) -> Runner:
        """The runner of this name; `options` are its settings without the type.

        Raises:
            Invalid: code `runner_options_invalid`.
        """


Options = TypeVar("Options", bound=RunnerOptions)


def read_options(kind: type[Options], name: str, options: Mapping[str, Any]) -> Options:
    """The settings of a runner.

    Raises:
        Invalid: code `runner_options_invalid`; the message names the setting, and not what came, which may be secret.
    """
    try:
        return kind(**options)
    except ValidationError as error:
        raise invalid_options(name, findings(error)[0].sentence) from error


def invalid_options(name: str, said: str) -> Invalid:
    """What is wrong with the settings of a runner."""
    return Invalid(
        f"MODELYARD_RUNNERS: the runner '{name}': {said}", code="runner_options_invalid", field=f"runners.{name}"
    )


def configured_runners(configured: Mapping[str, Mapping[str, Any]], context: RunnerContext) -> Mapping[str, Runner]:
    """The runners that the operator has configured, by name. The type is the name where none is given.

    Raises:
        Invalid: the message names the runner and what was expected of its settings.
    """
    runners = {}
    for name, given in configured.items():
        options = {"type": name, **given}
        runners[name] = _runner_type(options.pop("type"))(name, options, context)
    return runners


def _runner_type(name: str) -> RunnerType:
    place = RUNNERS.get(name)
    if place is None:
        known = ", ".join(f"'{one}'" for one in sorted(RUNNERS))
        raise Invalid(
            f"MODELYARD_RUNNERS: expected a type of {known}, got {name!r}", code="runner_type_unknown", field="type"
        )
    module, _, attribute = place.partition(":")
    found: RunnerType = getattr(import_module(module), attribute)
    return found


def _local(name: str, options: Mapping[str, Any], context: RunnerContext) -> Runner:
    read_options(RunnerOptions, name, options)
    return local_runner(context.home, isolation=context.isolation)
