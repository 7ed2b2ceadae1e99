"""How the replicas of deployments are now, for an answer. A target that is slow or dead costs it a moment, no more."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import structlog

from modelyard.deployments.domain import Deployment
from modelyard.deployments.states import DeploymentStatus
from modelyard.deployments.targets import Targets
from modelyard.errors import Unavailable
from modelyard.ports.target import ReplicaObservation

logger = structlog.get_logger()

_CONCURRENCY = 8
_SECONDS = 2.0


class ReplicaWatch:
    """Asks targets about many deployments, some at once, and takes the answers that come in time.

    A target that does not answer holds up no deployment of another one.
    """

    def __init__(self, targets: Targets, *, seconds: float = _SECONDS, concurrency: int = _CONCURRENCY) -> None:
        self._targets = targets
        self._seconds = seconds
        # Questions that a dead target never answers hold its threads, and no more are made.
        self._pools = {
            name: ThreadPoolExecutor(concurrency, thread_name_prefix=f"replica-watch-{name}") for name in targets
        }

    def replicas(self, deployments: Iterable[Deployment]) -> Mapping[str, Sequence[ReplicaObservation]]:
        """By deployment, its replicas as the target sees them now; of one that it does not tell of in time, none."""
        asked = {
            one.deployment_id: self._pools[one.target].submit(self._observe, one)
            for one in deployments
            if one.status is not DeploymentStatus.STOPPED and one.target in self._pools
        }
        answered, late = wait(asked.values(), timeout=self._seconds)
        for question in late:
            question.cancel()
        if late:
            logger.warning("observing servers takes too long", count=len(late))
        return {key: question.result() if question in answered else () for key, question in asked.items()}

    def stop(self) -> None:
        """Ask no more."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _observe(self, deployment: Deployment) -> Sequence[ReplicaObservation]:
        target = self._targets.find(deployment.target)
        if target is None:
            return ()
        try:
            return target.observe(deployment.deployment_id, deployment.generation).replicas
        except Exception as exc:  # A fault of one target is not one of the answer, which has other deployments in it.
            logger.warning(
                "a server could not be observed",
                deployment_id=deployment.deployment_id,
                target=deployment.target,
                exc_info=not isinstance(exc, Unavailable),
            )
            return ()
