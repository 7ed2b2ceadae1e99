"""Finds what stands behind a target: the servers that get its requests, or what is missing."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from modelyard.gateway.compile.inputs import Compared, Copies, DeployedVersion, GatewayState, ModelStages
from modelyard.gateway.domain import Target
from modelyard.gateway.table import Backend, Comparison, Destination, Mirror, Respond, Sticky
from modelyard.registry.states import Stage


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Where requests go, and why there."""

    destinations: tuple[Destination, ...]
    because: str
    """One word for the header: `production`, `newest`, `version`, `split`, `deployment`, `service-url`."""
    sentence: str
    sticky: Sticky | None = None
    mirrors: tuple[Mirror, ...] = ()
    is_model_server: bool = True
    version: int | None = None
    """The one that shall answer, and no other, where one is named."""


class Targets:
    """Everything that requests can be sent to. What was found is in `backends` after that."""

    def __init__(self, state: GatewayState) -> None:
        self.backends: dict[str, Backend] = {}
        self._addresses = state.addresses
        self._stages = state.stages
        self._splits = {(split.tenant_id, split.model_name): split for split in state.splits}
        self._deployments = {each.deployment_id: each for each in state.deployments}
        self._models: Mapping[tuple[str, str], list[DeployedVersion]] = _by_model(state.deployments)

    def models(self) -> Iterable[tuple[str, str]]:
        """Tenant and name of each model that is deployed, sorted."""
        return sorted(self._models)

    def versions(self, tenant_id: str, model_name: str) -> Sequence[int]:
        """The deployed versions of a model, in order."""
        return sorted({each.version for each in self._models.get((tenant_id, model_name), ())})

    def find(self, tenant_id: str, target: Target) -> Found | Respond:
        """What gets the requests of a target. It is of this tenant, or there is nothing."""
        if target.service_url is not None:
            return self._service_url(tenant_id, target.service_url)
        if target.deployment_id is not None:
            return self._deployment(tenant_id, target.deployment_id)
        model_name = str(target.model_name)
        if target.version is not None:
            return self.version(tenant_id, model_name, target.version)
        if target.stage is not None:
            return self._stage(tenant_id, model_name, target.stage)
        return self.model(tenant_id, model_name)

    def model(self, tenant_id: str, model_name: str) -> Found | Respond:
        """The version in production, else the newest that serves; or a split between several."""
        split = self._split(tenant_id, model_name)
        if split is not None:
            return split
        versions = self._models.get((tenant_id, model_name), [])
        production = self._stages.get((tenant_id, model_name), ModelStages()).production
        ready = [each.version for each in versions if each.is_ready and each.address is not None]
        if production in ready:
            return self._forward(self._best(versions, production), "production", "it is the version in production")
        if ready:
            newest = self._best(versions, max(ready))
            why = "none is in production" if production is None else f"version {production}, in production, does not"
            return self._forward(newest, "newest", f"it is the newest version that serves; {why}")
        with_address = [each.version for each in versions if each.address is not None]
        if with_address:
            best = self._best(versions, production if production in with_address else max(with_address))
            return self._forward(best, "newest", "no version is ready")
        if versions:
            return Respond(503, "model_not_ready", f"no version of model '{model_name}' is ready yet; try again")
        return Respond(503, "model_not_deployed", f"model '{model_name}' is not deployed")

    def by_grpc(self, found: Found | Respond) -> Found | Respond:
        """What was found, where all of it speaks gRPC."""
        if isinstance(found, Respond):
            return found
        backends = [self.backends[destination.backend] for destination in found.destinations]
        if all(endpoint.grpc_port is not None for backend in backends for endpoint in backend.endpoints):
            return found
        return Respond(404, "grpc_unsupported", "the server behind this address does not speak gRPC")

    def version(self, tenant_id: str, model_name: str, version: int) -> Found | Respond:
        """One version."""
        deployed = [each for each in self._models.get((tenant_id, model_name), []) if each.version == version]
        best = self._best(deployed, version)
        if best is not None:
            found = self._forward(best, "version", f"version {version} was asked for")
            return replace(found, version=version)
        if deployed:
            message = f"version {version} of model '{model_name}' is not ready yet; try again"
            return Respond(503, "model_not_ready", message)
        return Respond(503, "model_not_deployed", f"version {version} of model '{model_name}' is not deployed")

    def _stage(self, tenant_id: str, model_name: str, stage: Stage) -> Found | Respond:
        split = self._split(tenant_id, model_name) if stage is Stage.PRODUCTION else None
        if split is not None:
            return split
        stages = self._stages.get((tenant_id, model_name), ModelStages())
        version = stages.production if stage is Stage.PRODUCTION else stages.staging
        if version is None:
            return Respond(503, "stage_empty", f"no version of model '{model_name}' is in {stage}")
        found = self.version(tenant_id, model_name, version)
        if isinstance(found, Respond):
            return found
        return replace(found, because=str(stage), sentence=f"version {version} is in {stage}")

    def _deployment(self, tenant_id: str, deployment_id: str) -> Found | Respond:
        deployed = self._deployments.get(deployment_id)
        if deployed is None or deployed.tenant_id != tenant_id:
            return Respond(503, "deployment_missing", f"deployment '{deployment_id}' does not run")
        if deployed.address is None:
            return Respond(503, "model_not_ready", f"deployment '{deployment_id}' is not ready yet; try again")
        return self._forward(deployed, "deployment", f"the API is bound to deployment '{deployment_id}'")

    def _service_url(self, tenant_id: str, url: str) -> Found | Respond:
        endpoints = tuple(self._addresses.get(url, ()))
        if not endpoints:
            message = "the host of the API's service_url has no address that this gateway may call"
            return Respond(503, "service_url_unreachable", message)
        parts = urlsplit(url)
        name = f"url-{hashlib.sha256(f'{tenant_id} {url}'.encode()).hexdigest()[:16]}"
        self.backends[name] = Backend(
            name=name,
            endpoints=endpoints,
            path=parts.path.rstrip("/"),
            host=parts.netloc,
            uses_tls=parts.scheme == "https",
            probes_readiness=False,
        )
        return Found(
            destinations=(Destination(name, 1),),
            because="service-url",
            sentence=f"the API is bound to {parts.scheme}://{parts.netloc}",
            is_model_server=False,
        )

    def _split(self, tenant_id: str, model_name: str) -> Found | None:
        split = self._splits.get((tenant_id, model_name))
        if split is None:
            return None
        versions = self._models.get((tenant_id, model_name), [])
        shares = [(self._best(versions, share.version), share.weight) for share in split.shares]
        first = next((deployed for deployed, weight in shares if deployed is not None and weight), None)
        if first is None:
            return None
        # The weights' sum stays: sticky callers of versions that are there keep their places in it.
        destinations = [Destination(self._backend(deployed or first), weight) for deployed, weight in shares]
        return Found(
            destinations=_joined(destinations),
            because="split",
            sentence="its requests are divided between versions",
            sticky=split.sticky,
            mirrors=tuple(self._mirrors(versions, split.shadow)),
        )

    def _mirrors(self, versions: Sequence[DeployedVersion], shadow: Copies | None) -> Iterable[Mirror]:
        deployed = None if shadow is None else self._best(versions, shadow.version)
        if shadow is None or deployed is None:
            return
        yield Mirror(self._backend(deployed), shadow.percent, self._comparison(versions, shadow.compared))

    def _comparison(self, versions: Sequence[DeployedVersion], compared: Compared | None) -> Comparison | None:
        against = None if compared is None else self._best(versions, compared.against)
        if compared is None or against is None:
            return None
        return Comparison(compared.name, self._backend(against), compared.tolerance)

    @staticmethod
    def _best(versions: Sequence[DeployedVersion], version: int | None) -> DeployedVersion | None:
        """Of several deployments of a version one that is ready, whose servers are all of this version, and of these
        the oldest."""
        found = [each for each in versions if each.version == version and each.address is not None]
        order = sorted(
            found, key=lambda each: (not each.is_ready, each.is_replacing, each.created_at, each.deployment_id)
        )
        return order[0] if order else None

    def _forward(self, deployed: DeployedVersion | None, because: str, sentence: str) -> Found:
        if deployed is None:
            raise AssertionError("a version that was counted has an address")
        return Found(destinations=(Destination(self._backend(deployed), 1),), because=because, sentence=sentence)

    def _backend(self, deployed: DeployedVersion) -> str:
        name = deployed.deployment_id
        self.backends[name] = Backend(
            name=name,
            endpoints=() if deployed.address is None else (deployed.address,),
            model_name=deployed.model_name,
            version=deployed.version,
        )
        return name


def _joined(destinations: Sequence[Destination]) -> tuple[Destination, ...]:
    """The same places in the sum of weights, with neighbours of one backend as one."""
    found: list[Destination] = []
    for each in destinations:
        if found and found[-1].backend == each.backend:
            found[-1] = replace(each, weight=found[-1].weight + each.weight)
        else:
            found.append(each)
    return tuple(found)


def _by_model(deployments: Sequence[DeployedVersion]) -> Mapping[tuple[str, str], list[DeployedVersion]]:
    found: dict[tuple[str, str], list[DeployedVersion]] = defaultdict(list)
    for each in deployments:
        found[each.tenant_id, each.model_name].append(each)
    return found
