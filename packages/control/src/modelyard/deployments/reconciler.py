"""Brings what runs to what shall run: load, observe, decide (pure), act, record. It holds no state of its own, and one
process at a time does it for a target."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context

import structlog

from modelyard.deployments.domain import Action, Decision, Deployment, decide
from modelyard.deployments.records import system_principal
from modelyard.deployments.replacement import Replacement, Step, failure, next_step
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus, ReplacementStatus
from modelyard.errors import ModelyardError
from modelyard.leases.domain import LeaseLostError
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.ports.target import ServerObservation, ServerSpec, TakesPorts, Target
from modelyard.registry.service import RegistryService

logger = structlog.get_logger()

_WORKERS = 8
_STOP_SECONDS = 5


class Reconciler:
    """One pass looks at every deployment that is not stopped. Draining one does not hold up the others."""

    def __init__(
        self,
        *,
        deployments: DeploymentService,
        registry: RegistryService,
        rebuilding: Rebuilding,
        target: Target,
        memory_bytes: int | None,
    ) -> None:
        self._deployments = deployments
        self._registry = registry
        self._rebuilding = rebuilding
        self._target = target
        self._memory_bytes = memory_bytes
        self._under_way: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="reconciler")

    def make_pass(self) -> bool:
        """One pass in the background; nothing more is to be done before the next."""
        self.pass_over_all()
        return False

    def stop(self) -> None:
        """Give what is under way a moment; no more passes may come. A server that still drains is removed later."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._rebuilding.stop()
        wait(self._under_way.values(), timeout=_STOP_SECONDS)

    def pass_over_all(self) -> None:
        """Begin a pass over every deployment for which none is under way, and remove servers that nobody knows."""
        # A deployment is written down before its server is made, so a server that was there before we read the
        # deployments, and is of none of them, is nobody's.
        servers = self._target.deployment_ids()
        deployments = {deployment.deployment_id: deployment for deployment in self._deployments.running()}
        self._under_way = {key: future for key, future in self._under_way.items() if not future.done()}
        for deployment_id in [*deployments, *(set(servers) - deployments.keys())]:
            if deployment_id not in self._under_way:
                # What a worker writes is refused, as the pass's own writes are, once another process has taken over.
                self._under_way[deployment_id] = self._pool.submit(
                    copy_context().run, self._guarded, deployment_id, deployments.get(deployment_id)
                )

    def reconcile(self, deployment: Deployment) -> Decision:
        """One pass over one deployment."""
        # It was read with all others, and the pass before this one may have brought it to another version since.
        deployment, replacement = self._deployments.standing(deployment.deployment_id) or (deployment, None)
        observed = self._target.observe(deployment.deployment_id, deployment.generation)
        decision = decide(deployment, observed)
        if decision.action is Action.APPLY:
            self._apply(deployment, decision, observed)
        self._note(deployment, decision, observed)
        if decision.action is Action.REMOVE:
            self._target.remove(deployment.deployment_id)
        elif deployment.is_wanted:
            self._replace(deployment, replacement)
        return decision

    def _replace(self, deployment: Deployment, replacement: Replacement | None) -> None:
        """Bring the replacement that is under way one step on, and retire servers that are of no use any more."""
        if replacement is not None and replacement.status is ReplacementStatus.STARTING:
            self._start(deployment, replacement)
            return  # What stands now is looked at by the next pass.
        coming = None if replacement is None else replacement.generation
        for generation in self._target.generations(deployment.deployment_id):
            if generation not in {deployment.generation, coming}:
                self._target.retire(deployment.deployment_id, generation)
        if replacement is not None and replacement.status is ReplacementStatus.DRAINING:
            self._deployments.replacements.finish(replacement)

    def _start(self, deployment: Deployment, replacement: Replacement) -> None:
        replacements = self._deployments.replacements
        observed = self._target.observe(deployment.deployment_id, replacement.generation)
        match next_step(deployment, observed):
            case Step.APPLY:
                self._target.apply(self._spec(deployment, replacement.version, replacement.generation))
            case Step.GIVE_UP:
                replacements.give_up(replacement.job_id, failure(replacement, observed))
            case Step.SWITCH:
                replacements.switch(replacement)
            case Step.WAIT:
                pass

    def _guarded(self, deployment_id: str, deployment: Deployment | None) -> None:
        try:
            if deployment is not None:
                self.reconcile(deployment)
            else:
                logger.warning("a server that no deployment wants is removed", deployment_id=deployment_id)
                self._target.remove(deployment_id)
        except LeaseLostError as exc:
            logger.info("a deployment is another process's now", deployment_id=deployment_id, reason=str(exc))
        except ModelyardError as exc:
            logger.warning("a deployment waits", deployment_id=deployment_id, reason=exc.message)
        except Exception:
            logger.exception("a deployment could not be reconciled", deployment_id=deployment_id)

    def _apply(self, deployment: Deployment, decision: Decision, observed: ServerObservation) -> None:
        try:
            self._target.apply(self._spec(deployment, deployment.version, deployment.generation))
        except ModelyardError as exc:
            # One that was never begun still is not; that it gets no further, and why, is for everybody to see.
            is_pending = deployment.status is DeploymentStatus.PENDING
            status = deployment.status if is_pending else decision.status
            self._note(deployment, Decision(Action.APPLY, status, exc.message), observed)
            raise

    def _note(self, deployment: Deployment, decision: Decision, observed: ServerObservation) -> None:
        self._deployments.note(
            deployment.deployment_id,
            status=decision.status,
            reason=decision.reason,
            url=observed.url,
            ready_replicas=sum(replica.state == "ready" for replica in observed.replicas),
        )

    def _spec(self, deployment: Deployment, number: int, generation: int) -> ServerSpec:
        owner = system_principal(deployment.tenant_id)
        version = self._registry.version(owner, deployment.model_name, number)
        bundle = self._rebuilding.bundle(version)
        return ServerSpec(
            deployment_id=deployment.deployment_id,
            generation=generation,
            model_name=deployment.model_name,
            version=number,
            bundle=bundle.path,
            python=bundle.python,
            replicas=deployment.replicas,
            memory_bytes=self._memory_bytes,
            port=self._port(deployment),
        )

    def _port(self, deployment: Deployment) -> int | None:
        if isinstance(self._target, TakesPorts):
            return self._deployments.ports.claim(deployment, self._target)
        return None
