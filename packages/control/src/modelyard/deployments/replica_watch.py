"""How the replicas of deployments are now, for an answer. A target that is slow or dead costs it a moment, no more."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import structlog

from modelyard.deployments.domain import Deployment
from modelyard.deployments.states import DeploymentStatus
from modelyard.errors import Unavailable
from modelyard.ports.target import ReplicaObservation, Target

logger = structlog.get_logger()

_AT_ONCE = 8
_SECONDS = 2.0


class ReplicaWatch:
    """Asks one target about many deployments, some at once, and takes the answers that come in time."""

    def __init__(self, target: Target, *, seconds: float = _SECONDS, at_once: int = _AT_ONCE) -> None:
        self._target = target
        self._seconds = seconds
        # Questions that a dead target never answers hold these threads, and no more are made.
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="replica-watch")

    def replicas(self, deployments: Iterable[Deployment]) -> Mapping[str, Sequence[ReplicaObservation]]:
        """By deployment, its replicas as the target sees them now; of one that it does not tell of in time, none."""
        asked = {
            one.deployment_id: self._pool.submit(self._observe, one)
            for one in deployments
            if one.status is not DeploymentStatus.STOPPED
        }
        told, late = wait(asked.values(), timeout=self._seconds)
        for question in late:
            question.cancel()
        if late:
            logger.warning("a target does not tell of its servers in time", target=self._target.name, count=len(late))
        return {key: question.result() if question in told else () for key, question in asked.items()}

    def stop(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _observe(self, deployment: Deployment) -> Sequence[ReplicaObservation]:
        try:
            return self._target.observe(deployment.deployment_id, deployment.generation).replicas
        except Unavailable:
            return ()
