"""How the platform and its parts are, in one look."""

from modelyard import __version__
from modelyard.db import Database
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.targets import Targets
from modelyard.errors import ModelyardError
from modelyard.jobs.service import JobService
from modelyard.mlops.schemas import ComponentAnswer, StatusAnswer
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService


class PlatformStatus:
    """Asks every part once."""

    def __init__(
        self,
        *,
        database: Database,
        tracking: Tracking,
        targets: Targets,
        jobs: JobService,
        registry: RegistryService,
        deployments: DeploymentService,
        clock: Clock,
        isolation: str,
    ) -> None:
        self._isolation = isolation
        self._database = database
        self._tracking = tracking
        self._targets = targets
        self._jobs = jobs
        self._registry = registry
        self._deployments = deployments
        self._clock = clock
        self._started_at = clock.now()

    def is_ready(self) -> bool:
        """Whether management calls can be answered."""
        return self._database.is_reachable()

    def look(self, principal: Principal) -> StatusAnswer:
        """The state of every part, with counts of the caller's own things."""
        components = {
            "database": _component(self._database.is_reachable(), "the database does not answer"),
            "mlflow": _component(
                self._tracking.is_reachable(), "the tracking server does not answer", url=self._tracking.uri
            ),
            "target": self._target_component(),
            "isolation": ComponentAnswer(status="ok", detail=self._isolation, url=None),
        }
        is_ok = all(component.status == "ok" for component in components.values())
        return StatusAnswer(
            status="ok" if is_ok else "degraded",
            version=__version__,
            components=components,
            jobs=self._jobs.count_by_status(principal),
            models=self._registry.count(principal),
            deployments=self._deployments.count_by_status(principal),
            targets=list(self._targets),
            uptime_seconds=(self._clock.now() - self._started_at).total_seconds(),
        )

    def _target_component(self) -> ComponentAnswer:
        """All targets: what each says, and whether one of them does not answer."""
        results = [self._target_detail(name) for name in self._targets]
        is_ok = all(is_answering for is_answering, _ in results)
        detail = "; ".join(detail for _, detail in results)
        return ComponentAnswer(status="ok" if is_ok else "unavailable", detail=detail, url=None)

    def _target_detail(self, name: str) -> tuple[bool, str]:
        target = self._targets.find(name)
        try:
            servers = set() if target is None else {key.deployment_id for key in target.observe_all()}
        except ModelyardError as exc:
            return False, f"{name}: {exc.message}"
        return True, f"{name}: {len(servers)} model servers"


def _component(is_ok: bool, detail: str, *, url: str | None = None) -> ComponentAnswer:  # noqa: FBT001 - a fact
    return ComponentAnswer(status="ok" if is_ok else "unavailable", detail=None if is_ok else detail, url=url)
