"""Plans of roll-outs in files: by which steps the promotions of a model are rolled out."""

from collections.abc import Mapping

from pydantic import Field

from modelyard.gateway_code.domain import Fields
from modelyard.gateway_code.kinds.kind import without_preparation
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal
from modelyard.rollouts.plan import DEFAULT_STEPS, Plan, plan_to_json
from modelyard.rollouts.schemas import PlanBody
from modelyard.rollouts.service import RolloutService


class ModelPlanBody(PlanBody):
    """The plan of one model."""

    model_name: str = Field(min_length=1, max_length=255)


class RolloutPlanKind:
    """See `Kind`."""

    name = "rollout_plans"
    identity = "model_name"
    body: type[RequestBody] = ModelPlanBody
    permission = Permission.RELEASES_WRITE
    read_permission = Permission.GATEWAY_READ
    prepared = without_preparation

    def __init__(self, rollouts: RolloutService) -> None:
        self._rollouts = rollouts

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`."""
        return {each.model_name: _declared(each.model_name, each.plan) for each in self._rollouts.plans(principal)}

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. Steps that are the default ones may be declared or left out."""
        del current
        return _declared("-", ModelPlanBody.model_validate({"model_name": "-", **fields}).plan())

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`."""
        body = ModelPlanBody.model_validate(fields)
        self._rollouts.set_plan(principal, body.model_name, body.plan(), revision=None)

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        del current
        self.create(principal, fields)

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`."""
        self._rollouts.remove_plan(principal, key)


def _declared(model_name: str, plan: Plan) -> Fields:
    content = plan_to_json(plan)
    if plan.steps == DEFAULT_STEPS:
        del content["steps"]
    body = ModelPlanBody.model_validate({"model_name": model_name, **content})
    shown = body.model_dump(mode="json", exclude_defaults=True, exclude={"model_name"})
    steps = [step.model_dump(mode="json", exclude_none=True) for step in body.steps or ()]
    return {**shown, "steps": steps} if steps else shown
