"""The verb of comparison. It brings together what the catalogue knows of versions and the policy of metrics."""

from collections.abc import Sequence

from modelyard.comparison.domain import Comparison, compare
from modelyard.principals import Principal
from modelyard.promotion.policies import Policies
from modelyard.registry.service import RegistryService


class ComparisonService:
    """Comparisons of versions of one model. It changes nothing."""

    def __init__(self, *, registry: RegistryService, policies: Policies) -> None:
        self._registry = registry
        self._policies = policies

    def compare(self, principal: Principal, model_name: str, numbers: Sequence[int]) -> Comparison:
        """Two or more versions side by side, by the metrics' directions that the model's policy declares.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        versions = self._registry.require_versions(principal, model_name, numbers)
        policy, _ = self._policies.of_model(principal, model_name)
        return compare(versions, policy.metric_rules)
