"""Asks the servers of all deployments what they counted. One process at a time, under a lease."""

from concurrent.futures import ThreadPoolExecutor

from modelyard.deployments.service import DeploymentService
from modelyard.drift.service import DriftService
from modelyard.ports.drift_counts import DriftCounts

_CONCURRENCY = 8


class DriftCollector:
    """One pass asks one server of each deployment that has a profile and a replica that is ready."""

    def __init__(self, *, drift: DriftService, deployments: DeploymentService, counts: DriftCounts) -> None:
        self._drift = drift
        self._deployments = deployments
        self._counts = counts

    def make_pass(self) -> bool:
        """Collect, and record where drift was found or has ended. There is never more to do at once."""
        ready = [one for one in self._deployments.every_wanted() if one.url is not None and one.ready_replicas]
        profiled = [(one, profile) for one in ready if (profile := self._drift.profile_of(one)) is not None]
        with ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="drift") as pool:
            served = list(pool.map(lambda one: self._counts.fetch(str(one[0].url)), profiled))
        for (deployment, profile), counts in zip(profiled, served, strict=True):
            if counts is not None and self._drift.note(deployment, profile, counts):
                self._drift.record_change(deployment)
        self._drift.forget()
        return False
