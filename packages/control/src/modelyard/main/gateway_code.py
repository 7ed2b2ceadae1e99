"""Puts the gateway as code together: the kinds that files declare, in the order in which they are made."""

from collections.abc import Callable, Sequence

from modelyard.apim.service import AzureGateway
from modelyard.gateway.compile import GatewayState, compile_table
from modelyard.gateway_code.export import Exports
from modelyard.gateway_code.kinds.apis import ApiKind
from modelyard.gateway_code.kinds.products import ProductKind
from modelyard.gateway_code.kinds.rollout_plans import RolloutPlanKind
from modelyard.gateway_code.kinds.subscriptions import SubscriptionKind
from modelyard.gateway_code.kinds.traffic import TrafficKind
from modelyard.gateway_code.kinds.version_sets import VersionSetKind
from modelyard.gateway_code.routes import gateway_code_routes
from modelyard.gateway_code.service import GatewayCode
from modelyard.http.routing import APIRouter
from modelyard.main.context import Context
from modelyard.main.gateway import ApiParts
from modelyard.main.rollouts import RolloutParts
from modelyard.main.subscriptions import SubscriptionParts


class GatewayCodeParts:
    """Files that are applied, and exports.

    Args:
        read_state: what the route table is compiled from now.
    """

    def __init__(
        self,
        context: Context,
        *,
        apis: ApiParts,
        subscriptions: SubscriptionParts,
        rollouts: RolloutParts,
        azure: AzureGateway,
        read_state: Callable[[], GatewayState],
    ) -> None:
        self.code = GatewayCode(
            database=context.database,
            kinds=(
                VersionSetKind(apis.version_sets),
                ApiKind(apis.apis, apis.releases, apis.targets),
                ProductKind(subscriptions.products),
                SubscriptionKind(subscriptions.subscriptions),
                TrafficKind(rollouts.traffic),
                RolloutPlanKind(rollouts.rollouts),
            ),
        )
        self.exports = Exports(code=self.code, azure=azure, table=lambda: compile_table(read_state()))

    def routes(self) -> Sequence[APIRouter]:
        """Their surface."""
        return [gateway_code_routes(self.code, self.exports)]
