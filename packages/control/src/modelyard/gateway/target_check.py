"""Checks what people name as the target of an API: that it is theirs, that it is there, and that it may be called."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from modelyard.deployments.service import DeploymentService
from modelyard.errors import Invalid
from modelyard.gateway.domain import Target
from modelyard.gateway.fields import checked_service_url
from modelyard.ports.service_hosts import ServiceHosts
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage

_STAGES = frozenset({Stage.PRODUCTION, Stage.STAGING})
_LOOKUPS_AT_ONCE = 8
_Refusals = Mapping[str, str | None]
_looked_up: ContextVar[_Refusals] = ContextVar("looked_up", default={})  # noqa: B039 - nobody writes to it
"""Refusals of service URLs that were found before a transaction began; None where there is none."""


class TargetCheck:
    """Asked before a revision is written."""

    def __init__(self, *, registry: RegistryService, deployments: DeploymentService, hosts: ServiceHosts) -> None:
        self._registry = registry
        self._deployments = deployments
        self._hosts = hosts

    @contextmanager
    def looked_up(self, urls: Collection[str]) -> Iterator[None]:
        """Look the hosts of service URLs up now, several at once, so that `checked` asks no resolver in the block."""
        plain = set()
        for url in urls:
            with suppress(Invalid):  # `checked` says what is wrong.
                plain.add(checked_service_url(url))
        with ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="service-urls") as pool:
            found = dict(zip(plain, pool.map(self._hosts.refusal, plain), strict=True))
        token = _looked_up.set(found)
        try:
            yield
        finally:
            _looked_up.reset(token)

    def checked(self, principal: Principal, target: Target) -> Target:
        """The target as it is kept.

        Raises:
            Invalid: code `target_invalid`, `service_url_invalid` or `service_url_refused`.
            NotFound: there is no such deployment, model or version.
        """
        named = [name for name in ("service_url", "deployment_id", "model_name") if getattr(target, name) is not None]
        if len(named) != 1:
            got = " and ".join(named) or "none"
            raise _invalid(f"service_url: expected one of service_url, deployment_id and model_name, got {got}")
        if target.model_name is None and (target.version is not None or target.stage is not None):
            raise _invalid("model_name: expected it with version or stage, got none")
        if target.version is not None and target.stage is not None:
            raise _invalid("stage: expected none with version, which names one already")
        if target.stage is not None and target.stage not in _STAGES:
            raise _invalid(f"stage: expected 'production' or 'staging', got '{target.stage}'")
        if target.service_url is not None:
            return self._checked_url(target.service_url)
        if target.deployment_id is not None:
            self._deployments.get(principal, target.deployment_id)
        elif target.version is not None:
            self._registry.version(principal, str(target.model_name), target.version)
        else:
            self._registry.model(principal, str(target.model_name))
        return target

    def _checked_url(self, url: str) -> Target:
        checked = checked_service_url(url)
        known = _looked_up.get()
        refusal = known[checked] if checked in known else self._hosts.refusal(checked)
        if refusal is not None:
            raise Invalid(f"service_url: {refusal}", code="service_url_refused", field="service_url")
        return Target(service_url=checked)


def _invalid(message: str) -> Invalid:
    return Invalid(message, code="target_invalid", field=message.partition(":")[0])
