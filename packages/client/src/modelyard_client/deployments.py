"""Deployments: making, scaling, pinning, asking and removing them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard_client.autoscaling import Autoscaling
from modelyard_client.deployment import Address, Deployment
from modelyard_client.drift import DriftReport
from modelyard_client.errors import Conflict, Unavailable
from modelyard_client.jobs import Submission
from modelyard_client.log import LogLine, follow, read
from modelyard_client.prediction.predictor import Prediction, Predictor
from modelyard_client.programs import Program
from modelyard_client.projects import Progress, quiet, send_project
from modelyard_client.references import candidates, described
from modelyard_client.resources import Resources
from modelyard_client.scripts import Script
from modelyard_client.training import as_program, run_body, submit
from modelyard_client.transport import Transport, path
from modelyard_client.waiting import wait_until

if TYPE_CHECKING:
    from modelyard_client.prediction.frames.predictor import FramePredictor

_COLLECTION = "/api/v1/deployments"


class Deployments:
    """`client.deployments`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        model_name: str | None = None,
        target: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Deployment]:
        """Deployments, fetched page by page as they are asked for; without a status, all but the stopped ones."""
        query = {"model_name": model_name, "target": target, "status": status}
        pages = self._transport.pages(_COLLECTION, plural="deployments", query=query, limit=limit)
        return (Deployment.from_json(item) for item in pages)

    def get(self, deployment_id: str) -> Deployment:
        """One deployment.

        Raises:
            NotFound: there is no such deployment.
        """
        return Deployment.from_json(self._transport.get(_path(deployment_id)))

    def find(self, reference: str, *, version: int | None = None) -> Deployment:
        """The deployment with this id, else the only one of the model with this name (and version).

        Of a model's deployments those that failed count only if there is no other.

        Raises:
            NotFound: there is none.
            Conflict: the model has several; the message names them.
        """
        found = candidates(self, reference, version=version)
        if len(found) > 1:
            named = ", ".join(f"{one.deployment_id} (version {one.model_version})" for one in found)
            which = described(reference, version)
            raise Conflict(f"there are several deployments of {which}: {named}", code="deployment_ambiguous")
        return found[0]

    def create(
        self,
        model_name: str,
        *,
        version: int | None = None,
        replicas: int | None = None,
        namespace: str | None = None,
        target: str | None = None,
        resources: Resources | None = None,
        autoscaling: Autoscaling | None = None,
        another: bool = False,
        replace: bool = False,
        idempotency_key: str | None = None,
    ) -> Submission:
        """Deploy a registered version, the latest when none is named; wait with `client.jobs.wait`.

        A version that serves in the namespace already is the same deployment, which the submission names.

        Args:
            replicas: how many; None for one, or for those that a deployment that is there has.
            target: one of the targets that the operator has configured; None for the first of them, or for wherever
                the deployment is that is there.
            resources: of each replica; a deployment that is there keeps its own.
            autoscaling: let the target choose the number of replicas, beginning with `replicas`.
            another: make a further deployment, also of a version that serves already.
            replace: take the place, at the same address, of the version that serves in the namespace.

        Raises:
            NotFound: there is no such model or version.
            Invalid: there is no such target, or it cannot honour a field, which the error names.
            Conflict: the version that serves is being replaced already, or there are several to replace.
        """
        body = {
            "model_name": model_name,
            "version": version,
            "replicas": replicas,
            "namespace": namespace,
            "target": target,
            "resources": None if resources is None else resources.to_json(),
            "autoscaling": None if autoscaling is None else autoscaling.to_json(),
            "another": another or None,
            "replace": replace or None,
        }
        return submit(self._transport, _COLLECTION, body, idempotency_key=idempotency_key)

    def create_from_script(
        self,
        script: Script | Program | Path,
        *,
        requirements: Sequence[str] | None = None,
        arguments: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        model_name: str | None = None,
        experiment_name: str | None = None,
        replicas: int | None = None,
        namespace: str | None = None,
        target: str | None = None,
        resources: Resources | None = None,
        autoscaling: Autoscaling | None = None,
        replace: bool = False,
        logged_model: str | None = None,
        best_of: str | None = None,
        timeout_seconds: float | None = None,
        runner: str | None = None,
        data: Mapping[str, Mapping[str, str]] | None = None,
        idempotency_key: str | None = None,
        progress: Progress = quiet,
    ) -> Submission:
        """One click: train, register, build and deploy. Arguments as for `client.training.submit`, and `create`."""
        program = as_program(script, requirements)
        body = run_body(
            program,
            arguments=arguments,
            parameters=parameters,
            environment=environment,
            secrets=secrets,
            experiment_name=experiment_name,
            logged_model=logged_model,
            best_of=best_of,
            timeout_seconds=timeout_seconds,
            runner=runner,
            data=data,
        )
        body |= {
            "model_name": model_name or program.model_name,
            "replicas": replicas,
            "namespace": namespace,
            "target": target,
            "resources": None if resources is None else resources.to_json(),
            "autoscaling": None if autoscaling is None else autoscaling.to_json(),
            "replace": replace or None,
        }
        if program.archive is not None:
            send_project(self._transport, program.archive, progress=progress)
        return submit(self._transport, "/mlops/deploy", body, idempotency_key=idempotency_key)

    def scale(self, deployment_id: str, *, replicas: int) -> Deployment:
        """Want another number of replicas; it takes effect in the background, see `wait_until_ready`."""
        return Deployment.from_json(self._transport.patch(_path(deployment_id), {"replicas": replicas}))

    def autoscale(self, deployment_id: str, autoscaling: Autoscaling | None) -> Deployment:
        """Let the target choose the number of replicas; None ends that, and the wanted number holds again.

        Raises:
            Invalid: the target cannot do that; the error says why.
        """
        body = {"autoscaling": None if autoscaling is None else autoscaling.to_json()}
        return Deployment.from_json(self._transport.patch(_path(deployment_id), body))

    def replace(self, deployment_id: str, *, version: int, replicas: int | None = None) -> Deployment:
        """Let another version take the place of the one that serves, at the same address; no request is lost.

        It takes effect in the background, in the job that the deployment's `replacement` names. The way back is the
        same call. A version that serves already is left as it is.

        Raises:
            NotFound: there is no such deployment or version.
            Conflict: its version is being replaced already, or it is being undeployed.
        """
        body = {"version": version} | ({} if replicas is None else {"replicas": replicas})
        return Deployment.from_json(self._transport.patch(_path(deployment_id), body))

    def pin(self, deployment_id: str, digest: str | None) -> Deployment:
        """Bring the servers to the image of this digest, one of its version, and keep them there; None: to the newest.

        It takes effect in the background, as a rolling update. A replacement of the version ends it.

        Raises:
            NotFound: there is no such deployment, or no such image of its version where its target takes images from.
            Invalid: its target runs no images.
        """
        return Deployment.from_json(self._transport.patch(_path(deployment_id), {"image": digest}))

    def drift(self, deployment_id: str, *, hours: float | None = None) -> DriftReport:
        """What a deployment got and answered lately, against the training data of its version.

        Args:
            hours: how far back, 48 at most; None: an hour, or as far as a judgement needs.

        Raises:
            NotFound: there is no such deployment.
        """
        query = {"hours": None if hours is None else f"{hours:g}"}
        return DriftReport.from_json(self._transport.get(f"{_path(deployment_id)}/drift", query=query))

    def remove(self, deployment_id: str, *, force: bool = False) -> Deployment:
        """Drain and stop; it takes effect in the background, see `wait_until_stopped`.

        Args:
            force: also when APIs of the gateway lead to it, which answer 503 then.

        Raises:
            Conflict: code `deployment_bound`: APIs lead to it; the sentence names them.
        """
        query = {"force": "true"} if force else None
        return Deployment.from_json(self._transport.delete(_path(deployment_id), query=query))

    def wait_until_ready(
        self,
        deployment_id: str,
        *,
        on_change: Callable[[Deployment], None] | None = None,
        timeout: float | None = None,
    ) -> Deployment:
        """The deployment once exactly the wanted replicas answer, or once it has failed or is stopped."""
        return self._wait(
            deployment_id,
            lambda deployment: deployment.is_as_wanted or deployment.is_over,
            waiting_for=f"deployment {deployment_id} to be ready",
            on_change=on_change,
            timeout=timeout,
        )

    def wait_until_stopped(
        self,
        deployment_id: str,
        *,
        on_change: Callable[[Deployment], None] | None = None,
        timeout: float | None = None,
    ) -> Deployment:
        """The deployment once it is stopped."""
        return self._wait(
            deployment_id,
            lambda deployment: deployment.status == "stopped",
            waiting_for=f"deployment {deployment_id} to stop",
            on_change=on_change,
            timeout=timeout,
        )

    def log(
        self,
        deployment_id: str,
        *,
        offset: int = 0,
        tail: int | None = None,
        limit: int | None = None,
        generation: int | None = None,
    ) -> Sequence[LogLine]:
        """The lines of the log of all replicas that are there now, from a byte offset on, or the last ones.

        Args:
            tail: how many of the last lines; not together with an offset.
            limit: the most bytes.
            generation: of which version that took another's place; None for the one that serves.
        """
        query = {"generation": generation}
        where = _path(deployment_id, "logs")
        return read(self._transport, where, offset=offset, tail=tail, limit=limit, query=query)

    def follow_log(
        self,
        deployment_id: str,
        *,
        offset: int = 0,
        tail: int | None = None,
        generation: int | None = None,
        patience: float = 60.0,
    ) -> Iterator[LogLine]:
        """The log's lines as they are written, until the deployment is stopped."""
        query = {"generation": generation}
        where = _path(deployment_id, "logs")
        return follow(self._transport, where, offset=offset, tail=tail, query=query, patience=patience)

    def predictor(
        self, reference: str, *, version: int | None = None, key: str | None = None, timeout: float = 60.0
    ) -> Predictor:
        """A client for many predictions of a model, at its stable address: the gateway chooses the version in
        production, else the newest that serves, and follows promotions and replacements.

        A deployment's id, or a model where there is no gateway, is called at its model server. Of several deployments
        of one version the first that is ready is called: their predictions are equal.

        Args:
            reference: a model's name, or a deployment's id.
            version: which of the model's versions.
            key: of a subscription; it is sent to the gateway only.

        Raises:
            NotFound: there is no such deployment.
            Conflict: as `find`, where there is no gateway.
            Unavailable: it has no address yet.
        """
        called = self.address(reference, version=version, key=key)
        return Predictor(
            called.url,
            model=called.model,
            version=called.version,
            key=called.key,
            timeout=timeout,
            clock=self._transport.clock,
        )

    def frames(
        self,
        reference: str,
        *,
        version: int | None = None,
        key: str | None = None,
        batch_rows: int | None = None,
        in_flight: int = 2,
        timeout: float = 60.0,
    ) -> "FramePredictor":
        """The same for DataFrames; see `FramePredictor`. It needs the extra `frames`."""
        from modelyard_client.prediction.frames.predictor import FramePredictor  # noqa: PLC0415  # An optional extra.

        called = self.address(reference, version=version, key=key)
        return FramePredictor(
            called.url,
            model=called.model,
            version=called.version,
            key=called.key,
            batch_rows=batch_rows,
            in_flight=in_flight,
            timeout=timeout,
            clock=self._transport.clock,
        )

    def predict(
        self, reference: str, rows: object, *, version: int | None = None, key: str | None = None
    ) -> Prediction:
        """Predict once. For many predictions take a `predictor`, which finds the address only once."""
        with self.predictor(reference, version=version, key=key) as predictor:
            return predictor.predict(rows)

    def address(self, reference: str, *, version: int | None = None, key: str | None = None) -> Address:
        """Where a model is called, for a predictor of one's own. Arguments and errors as of `predictor`."""
        found = candidates(self, reference, version=version)
        first = found[0]
        if first.api_url is not None and first.deployment_id != reference:
            url = first.api_url if version is None else f"{first.api_url}/versions/{version}"
            return Address(url, first.model_name, version, key)
        versions = {one.model_version for one in found}
        deployment = first if len(versions) == 1 else self.find(reference, version=version)
        if deployment.url is None:
            reason = f": {deployment.reason}" if deployment.reason else ""
            raise Unavailable(
                f"deployment {deployment.deployment_id} is {deployment.status}{reason}", code="deployment_not_ready"
            )
        return Address(deployment.url, deployment.model_name, version, key=None)

    def _wait(
        self,
        deployment_id: str,
        is_done: Callable[[Deployment], bool],
        *,
        waiting_for: str,
        on_change: Callable[[Deployment], None] | None,
        timeout: float | None,
    ) -> Deployment:
        return wait_until(
            lambda: self.get(deployment_id),
            is_done=is_done,
            facts=_facts,
            clock=self._transport.clock,
            waiting_for=waiting_for,
            on_change=on_change,
            timeout=timeout,
        )


def _path(deployment_id: str, *more: str) -> str:
    return path("api", "v1", "deployments", deployment_id, *more)


def _facts(deployment: Deployment) -> object:
    return (deployment.status, deployment.reason, deployment.replicas, deployment.ready_replicas, deployment.url)
