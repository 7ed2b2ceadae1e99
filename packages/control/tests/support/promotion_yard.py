"""A yard of one model: the services of promotion, three people, and short ways to speak to them."""

from dataclasses import dataclass

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.principals import Principal, Role
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.domain import Request
from modelyard.promotion.policies import Policies
from modelyard.promotion.service import PromotionService
from modelyard.registry.domain import Version
from modelyard.registry.editing import Editing
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage

ANNA = Principal(tenant_id="acme", subject="anna", role=Role.DEVELOPER)
BERT = Principal(tenant_id="acme", subject="bert", role=Role.APPROVER)
CARL = Principal(tenant_id="acme", subject="carl", role=Role.APPROVER)
MODEL = "churn"


@dataclass(frozen=True)
class Yard:
    """The services of one test, and short ways to speak to them."""

    database: Database
    promotion: PromotionService
    policies: Policies
    registry: RegistryService
    editing: Editing
    audit: AuditLog
    clock: ManualClock
    tracking: FakeTracking
    auto_staging: AutoStaging

    def register(self, **metrics: float) -> Version:
        """A version in stage none."""
        run = self.tracking.log_run("churn", metrics=metrics)
        logged = self.tracking.log_model(run, "model", {"MLmodel": run.encode()})
        return self.registry.register(ANNA, model_name=MODEL, logged=logged)

    def claim(self, *, run: bool, **metrics: float) -> Version:
        """A version in stage none whose metrics somebody gave, of a run that logged none, or of none."""
        run_id = self.tracking.log_run("churn") if run else None
        logged = self.tracking.log_model(run_id, "model", {"MLmodel": b"x"}, experiment_name="churn")
        return self.registry.register(ANNA, model_name=MODEL, logged=logged, metrics=metrics)

    def stage(self, **metrics: float) -> Version:
        """A version in staging."""
        version = self.register(**metrics)
        return self.promotion.change_stage(ANNA, version, Stage.STAGING, comment="ready", revision=None)

    def ask(self, version: Version) -> Request:
        """A request for production."""
        return self.promotion.request(ANNA, version, comment="please")

    def approve(self, request: Request, by: Principal = BERT) -> Request:
        """An approval."""
        return self.promotion.approve(by, MODEL, request.request_id, comment="yes", revision=None)

    def promote(self, **metrics: float) -> Version:
        """A version in production."""
        version = self.stage(**metrics)
        self.approve(self.ask(version))
        return self.registry.version(ANNA, MODEL, version.version)

    def tag(self, version: Version, **tags: str) -> None:
        """Tags of the version."""
        self.editing.edit_version(ANNA, MODEL, version.version, description=None, tags=tags, revision=None)

    def stage_of(self, version: Version) -> Stage:
        """Where a version is now."""
        return self.registry.version(ANNA, MODEL, version.version).stage
