"""Brings the servers of a target to their desired state: load, observe, decide (pure), act, record. It keeps no
deployment state between passes, and one process at a time does it for a target."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context

import structlog

from modelyard.deployments.domain import Action, Decision, Deployment, decide
from modelyard.deployments.replacement import Replacement, Step, failure, next_step
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.specs import ServerSpecs
from modelyard.deployments.states import DeploymentStatus, DesiredState, ReplacementStatus
from modelyard.errors import ModelyardError
from modelyard.leases.domain import LeaseLostError
from modelyard.ports.target import ArtifactAbsent, ServerObservation, ServerSpec, ServerState, Target
from modelyard.repeated_warnings import RepeatedWarnings

logger = structlog.get_logger()

_WORKERS = 8
_STOP_SECONDS = 5
_ABSENT = ServerObservation(ServerState.ABSENT)

Servers = Mapping[int, ServerObservation]
"""The servers of one deployment, by generation."""


class Reconciler:
    """One pass looks at every deployment of one target that is not stopped. No deployment holds up the others.

    Args:
        target_name: as deployments name the target.
        renew_lease: renews the lease of this work, or raises LeaseLostError when another process has it by now. It is
            called directly before each action on the target.
        may_remove: whether the servers of a deployment that shall stop get no requests any more from what leads them
            there. Until it says so they stay; it is asked again in the next pass.
    """

    def __init__(
        self,
        *,
        deployments: DeploymentService,
        specs: ServerSpecs,
        target_name: str,
        target: Target,
        renew_lease: Callable[[], None] = lambda: None,
        may_remove: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._deployments = deployments
        self._specs = specs
        self.target_name = target_name
        """As deployments name the target."""
        self._target = target
        self._renew_lease = renew_lease
        self._may_remove = may_remove
        self._warnings = RepeatedWarnings()
        self._in_progress: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"reconciler-{target_name}")

    def make_pass(self) -> bool:
        """One pass in the background; nothing more is to be done before the next."""
        self.pass_over_all()
        return False

    def stop(self) -> None:
        """Wait a moment for reconciliations in progress. No pass may follow; a draining server is removed later."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        wait(self._in_progress.values(), timeout=_STOP_SECONDS)

    def pass_over_all(self) -> None:
        """Begin a pass over every deployment for which none is in progress, and remove servers of no deployment."""
        self._in_progress = {key: future for key, future in self._in_progress.items() if not future.done()}
        busy = set(self._in_progress)
        # A deployment is written down before its server is made, so a server that was there before we read the
        # deployments, and is of none of them, is nobody's. What is busy now may change what is seen here: it waits.
        try:
            servers = self.observe()
        except ModelyardError as exc:
            self._note_away(exc.message)
            raise
        deployments = {
            deployment.deployment_id: deployment for deployment in self._deployments.running(self.target_name)
        }
        for deployment_id in (deployments.keys() | servers.keys()) - busy:
            # What a worker writes is refused, as the pass's own writes are, once another process has taken over.
            self._in_progress[deployment_id] = self._pool.submit(
                copy_context().run,
                self._reconcile_logged,
                deployment_id,
                deployments.get(deployment_id),
                servers.get(deployment_id, {}),
            )

    def _note_away(self, why: str) -> None:
        """Give deployments that wait for the target the reason. What is known of those that served stays."""
        for deployment in self._deployments.running(self.target_name):
            if deployment.status in {DeploymentStatus.PENDING, DeploymentStatus.STARTING}:
                self._deployments.note(
                    deployment,
                    status=deployment.status,
                    reason=why,
                    url=deployment.url,
                    ready_replicas=deployment.ready_replicas,
                )

    def observe(self) -> Mapping[str, Servers]:
        """All servers of the target, by deployment."""
        found: dict[str, dict[int, ServerObservation]] = {}
        for key, seen in self._target.observe_all().items():
            found.setdefault(key.deployment_id, {})[key.generation] = seen
        return found

    def reconcile(self, deployment: Deployment, servers: Servers) -> Decision:
        """One pass over one deployment, whose servers were observed a moment ago."""
        # It was read with all others, and the pass before this one may have brought it to another version since.
        deployment, replacement = self._deployments.current(deployment.deployment_id) or (deployment, None)
        observed = servers.get(deployment.generation) or _remaining_server(deployment, servers)
        try:
            desired = self._desired_spec(deployment, deployment.version, deployment.generation)
            decision = decide(deployment, observed, desired)
            if decision.action is Action.APPLY:
                self._apply(deployment, desired, deployment.version)
        except ModelyardError as exc:
            self._record_status(deployment, _blocked_decision(deployment, observed, exc.message), observed)
            raise
        self._record_status(deployment, decision, observed)
        if decision.action is Action.REMOVE:
            if self._may_remove(deployment.deployment_id):
                self._remove(deployment.deployment_id)
        elif deployment.desired_state is DesiredState.RUNNING:
            self._replace(deployment, replacement, servers)
        return decision

    def _replace(self, deployment: Deployment, replacement: Replacement | None, servers: Servers) -> None:
        """Take the next step of the replacement in progress, and retire servers that are no longer used."""
        if replacement is not None and replacement.status is ReplacementStatus.STARTING:
            self._start(deployment, replacement, servers.get(replacement.generation, _ABSENT))
            return  # The current generation is examined by the next pass.
        kept = {deployment.generation, None if replacement is None else replacement.generation}
        others = servers.keys() - kept
        for generation in others:
            self._renew_lease()
            self._target.retire(deployment.deployment_id, generation)
        if not others and replacement is not None and replacement.status is ReplacementStatus.DRAINING:
            self._deployments.replacements.finish(replacement)

    def _start(self, deployment: Deployment, replacement: Replacement, observed: ServerObservation) -> None:
        replacements = self._deployments.replacements
        desired = self._desired_spec(deployment, replacement.version, replacement.generation)
        match next_step(deployment, observed, desired):
            case Step.APPLY:
                self._apply(deployment, desired, replacement.version)
            case Step.GIVE_UP:
                replacements.give_up(replacement.job_id, failure(replacement, observed))
            case Step.SWITCH:
                replacements.switch(replacement)
            case Step.WAIT:
                pass

    def _reconcile_logged(self, deployment_id: str, deployment: Deployment | None, servers: Servers) -> None:
        try:
            if deployment is not None:
                self.reconcile(deployment, servers)
            else:
                if any(seen.state is not ServerState.DRAINING for seen in servers.values()):
                    logger.warning("a server that no deployment wants is removed", deployment_id=deployment_id)
                self._remove(deployment_id)
            self._warnings.has_ended(deployment_id)
        except LeaseLostError as exc:
            logger.info("lease lost", deployment_id=deployment_id, reason=str(exc))
        except ModelyardError as exc:
            if self._warnings.is_due(deployment_id, exc.message):
                logger.warning("reconciliation blocked", deployment_id=deployment_id, reason=exc.message)
        except Exception:
            logger.exception("a deployment could not be reconciled", deployment_id=deployment_id)

    def _apply(self, deployment: Deployment, desired: ServerSpec | None, number: int) -> None:
        """Apply the spec, or have its artifact made again where it is away.

        Raises:
            Unavailable: code `bundle_rebuilding`, `image_rebuilding`, or as the target says.
        """
        if desired is None:
            self._specs.rebuild(deployment, number, self._target)
            return
        self._renew_lease()
        try:
            self._target.apply(desired)
        except ArtifactAbsent:
            self._specs.rebuild(deployment, number, self._target)
            raise

    def _remove(self, deployment_id: str) -> None:
        self._renew_lease()
        self._target.remove(deployment_id)

    def _desired_spec(self, deployment: Deployment, number: int, generation: int) -> ServerSpec | None:
        if deployment.desired_state is DesiredState.STOPPED:
            return None
        return self._specs.spec(deployment, number, generation, self._target)

    def _record_status(self, deployment: Deployment, decision: Decision, observed: ServerObservation) -> None:
        self._deployments.note(
            deployment,
            status=decision.status,
            reason=decision.reason,
            url=observed.url,
            ready_replicas=sum(replica.state == "ready" for replica in observed.replicas),
        )


def _remaining_server(deployment: Deployment, servers: Servers) -> ServerObservation:
    """While a deployment is being removed: any server that is left, instead of its absent generation."""
    return _ABSENT if deployment.desired_state is DesiredState.RUNNING else next(iter(servers.values()), _ABSENT)


def _blocked_decision(deployment: Deployment, observed: ServerObservation, why: str) -> Decision:
    """The status of a deployment whose reconciliation failed, with the error as its reason. A pending one stays
    pending."""
    is_pending = deployment.status is DeploymentStatus.PENDING
    status = deployment.status if is_pending else decide(deployment, observed, None).status
    return Decision(Action.APPLY, status, why)
