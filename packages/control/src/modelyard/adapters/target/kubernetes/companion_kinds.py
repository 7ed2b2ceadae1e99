"""Which kinds of objects stand beside a model's Deployment and Service in one cluster."""

from collections.abc import Iterator

from modelyard.adapters.kubernetes.cluster_api import AUTOSCALERS, POD_MONITORS, ClusterApi, Resource
from modelyard.adapters.target.kubernetes.options import WorkloadOptions

_BUDGETS = (Resource("policy/v1", "poddisruptionbudgets"), Resource("policy/v1beta1", "poddisruptionbudgets"))


class CompanionKinds:
    """What the cluster offers of what we would make. None is a kind that it has not."""

    def __init__(self, api: ClusterApi, options: WorkloadOptions) -> None:
        self._api = api
        self._makes_monitors = options.prometheus == "pod-monitor"

    def budgets(self) -> Resource | None:
        """Budgets of disruption."""
        return next((one for one in _BUDGETS if self._api.offers(one)), None)

    def autoscalers(self) -> Resource | None:
        """Autoscalers."""
        return AUTOSCALERS if self._api.offers(AUTOSCALERS) else None

    def monitors(self) -> Resource | None:
        """Of the Prometheus operator. An account need not have rights on what nobody wants, so these may be off."""
        return POD_MONITORS if self._makes_monitors and self._api.offers(POD_MONITORS) else None

    def __iter__(self) -> Iterator[Resource]:
        """All that there are, in the order in which objects of them are applied and compared."""
        return (one for one in (self.budgets(), self.autoscalers(), self.monitors()) if one is not None)
