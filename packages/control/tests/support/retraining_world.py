"""A platform whose scripts log a model as good as a test says, and short ways to train, retrain and look."""

from collections.abc import Mapping
from typing import Any

from access_platform import MODEL_FILES, Platform

from modelyard.adapters.runner.fake import FakeRunner
from modelyard.audit.domain import Filter
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.principals import Principal, Role
from modelyard.registry.states import Stage
from modelyard.training.logged import RUN_KEY_TAG

SERVED = "/api/v1/modelserving"
REGISTRY = "/api/v1/ml/registry"
ALICE = Principal(tenant_id="default", subject="alice", role=Role.DEVELOPER)


class World:
    """One platform whose scripts log a model as good as a test says, and short ways to ask it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.api = platform.operator
        self.auc = 0.8
        runner = platform.control._adapters.runners["local"]
        assert isinstance(runner, FakeRunner)
        runner._script = self._run
        self.runner = runner

    def _run(self, spec: RunSpec) -> RunOutcome:
        tags = {RUN_KEY_TAG: spec.run_key}
        run_id = self.platform.tracking.log_run("churn", metrics={"auc": self.auc}, tags=tags)
        self.platform.tracking.log_model(run_id, "model", MODEL_FILES, tags=tags)
        return RunOutcome(RunPhase.FINISHED, exit_code=0)

    def train(self, model: str, **more: Any) -> Any:
        """The job of a script, when it has ended."""
        script = {"script_name": "train.py", "script_content": "log()", "requirements": ["pandas"], **more}
        accepted = self.api.post("/mlops/training/upload", json={**script, "model_name": model})
        assert accepted.status_code == 202, accepted.text
        return self.ended(accepted.json()["job_id"])

    def ask(self, model: str, version: int = 1, *, key: str | None = None, **body: Any) -> Any:
        """What an inference is answered with."""
        headers = {} if key is None else {"Idempotency-Key": key}
        path = f"{SERVED}/models/{model}/versions/{version}/inference"
        return self.api.post(path, json=body, headers=headers)

    def retrain(self, model: str, version: int = 1, **body: Any) -> Any:
        """The job of a retraining, when it has ended."""
        accepted = self.ask(model, version, **body)
        assert accepted.status_code == 202, accepted.text
        return self.ended(accepted.json()["job_id"])

    def ended(self, job_id: str) -> Any:
        while self.platform.engine.run_next():
            pass
        return self.api.get(f"/mlops/jobs/{job_id}").json()

    def version(self, model: str, number: int) -> Any:
        return self.api.get(f"{REGISTRY}/models/{model}/versions/{number}").json()

    def put_in_production(self, model: str, number: int) -> None:
        """As an approval does."""
        control = self.platform.control
        version, mover = control.registry.version(ALICE, model, number), control.registry_parts.mover
        with control.database.write() as connection:
            staged = mover.move(connection, ALICE, version, Stage.STAGING, reason="good")
            mover.move(connection, ALICE, staged, Stage.PRODUCTION, reason="approved")

    def entries(self, model: str, action: str) -> list[Mapping[str, Any]]:
        """What the audit log has of this action on the model."""
        found = self.platform.control.audit.stream("default", Filter(model=model, action=action))
        return [{"subject": entry.subject, **(entry.after or {})} for entry in found]
