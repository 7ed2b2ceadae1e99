"""What a ModelVersion is made of for this surface: the registry's version with its deployments and its image."""

from collections.abc import Mapping, Sequence

from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.images.service import ImageService
from modelyard.modelserving.schemas import ModelVersionAnswer
from modelyard.ports.stable_addresses import StableAddresses
from modelyard.principals import Principal
from modelyard.registry.domain import Version


class Surface:
    """Puts ModelVersions together from the nouns that own their parts."""

    def __init__(self, *, deployments: DeploymentService, images: ImageService, addresses: StableAddresses) -> None:
        self._deployments = deployments
        self._images = images
        self._addresses = addresses

    def version(self, principal: Principal, version: Version) -> ModelVersionAnswer:
        """One version with what hangs on it."""
        return self.page(principal, version.model_name, [version])[0]

    def page(self, principal: Principal, model_name: str, versions: Sequence[Version]) -> list[ModelVersionAnswer]:
        """Versions of one model; their deployments and images are read together."""
        number = versions[0].version if len(versions) == 1 else None
        by_version = _by_version(self._deployments.left(principal, model_name, number) if versions else [])
        names = self._images.names(principal, model_name, [one.version for one in versions])
        api_url = self._addresses.of_tenant(principal.tenant_id).of_model(model_name)
        return [
            ModelVersionAnswer.of(one, by_version.get(one.version, []), names.get(one.version), api_url)
            for one in versions
        ]


def _by_version(deployments: Sequence[Deployment]) -> Mapping[int, list[Deployment]]:
    found: dict[int, list[Deployment]] = {}
    for deployment in deployments:
        found.setdefault(deployment.version, []).append(deployment)
    return found
