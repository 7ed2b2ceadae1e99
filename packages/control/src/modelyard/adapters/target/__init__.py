"""Where model servers run (`ports/target.py`): one module for each type of target, and a fake in memory.

A new type is its module and its line in `TARGETS`; its settings are the module's own, read from MODELYARD_TARGETS.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from modelyard.adapters.target.context import TargetContext, TargetType
from modelyard.errors import Invalid
from modelyard.ports.target import Target

TARGETS = {
    "aci": "modelyard.adapters.target.aci:AciTarget",
    "aks": "modelyard.adapters.target.kubernetes.aks:AksTarget",
    "docker": "modelyard.adapters.target.docker:DockerTarget",
    "fake": "modelyard.adapters.target.fake:FakeTarget",
    "kubernetes": "modelyard.adapters.target.kubernetes.target:KubernetesTarget",
    "local": "modelyard.adapters.target.local:LocalTarget",
}
"""From a type's name to its class, which is imported when a target of the type is configured."""


def target_type(name: str) -> TargetType:
    """The class of a type of targets.

    Raises:
        Invalid: code `target_type_unknown`; the message lists those that there are.
    """
    place = TARGETS.get(name)
    if place is None:
        known = ", ".join(f"'{one}'" for one in sorted(TARGETS))
        raise Invalid(
            f"MODELYARD_TARGETS: expected a type of {known}, got {name!r}", code="target_type_unknown", field="type"
        )
    module, _, attribute = place.partition(":")
    try:
        found: TargetType = getattr(import_module(module), attribute)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "modelyard":
            raise
        raise Invalid(
            f"MODELYARD_TARGETS: the type '{name}' needs the package {exc.name}: install modelyard[{name}]",
            code="target_type_unknown",
            field="type",
        ) from exc
    return found


def configured_targets(configured: Mapping[str, Mapping[str, Any]], context: TargetContext) -> Mapping[str, Target]:
    """The targets that the operator has configured, by name. The type is the name where none is given.

    Raises:
        Invalid: the message names the target and what was expected of its settings.
    """
    targets = {}
    for name, given in configured.items():
        options = {"type": name, **given}
        targets[name] = target_type(options.pop("type")).configured(name, options, context)
    return targets
