"""MLflow's deployment client for Modelyard, and the two functions that MLflow asks of a plug-in besides."""

import os
import sys
import weakref
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mlflow.deployments import BaseDeploymentClient, PredictionsResponse

from modelyard_client.client import Client
from modelyard_client.deployment import Deployment
from modelyard_client.errors import Invalid, NotFound, Unavailable
from modelyard_client.mlflow_deployments import endpoints
from modelyard_client.mlflow_deployments.config import (
    CREATE,
    DELETE,
    UPDATE,
    Waiting,
    autoscaling_of,
    read,
    resources_of,
)
from modelyard_client.mlflow_deployments.errors import already_there, translated
from modelyard_client.mlflow_deployments.help_text import HELP
from modelyard_client.mlflow_deployments.names import Place, find, living_at, named
from modelyard_client.mlflow_deployments.versions import version_of
from modelyard_client.prediction.predictor import Prediction, Predictor
from modelyard_client.settings import is_loopback

_KEY_VARIABLE = "MODELYARD_SUBSCRIPTION_KEY"


class ModelyardDeployments(BaseDeploymentClient):
    """Deployments and endpoints of one control plane. Errors are `MlflowException` with Modelyard's sentence.

    Args:
        target_uri: `modelyard`, or `modelyard:/<address of the control plane>`.
    """

    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)  # type: ignore[no-untyped-call]  # MLflow's own.

    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Deploy a model, registered first where it is not, and wait until it answers.

        Args:
            name: the model's name, or `<namespace>/<model>`.
            config: see `mlflow deployments help -t modelyard`.
            endpoint: an API of the gateway, at which the deployment answers from then on.

        Returns:
            the deployment; its `flavor` is the runtime that serves it.
        """
        with translated():
            values = read(config, CREATE)
            place, waiting = Place.wanted(name, values), Waiting.of(values)
            autoscaling, resources = autoscaling_of(values), resources_of(values)
            _refuse_flavor(flavor)
            _refuse_early_endpoint(endpoint, waiting)
            if endpoint is not None:
                self._client.gateway.api(endpoint)
            if living_at(self._client, place):
                raise already_there("deployment", str(place))
            version = version_of(self._client, model_uri, model_name=place.model_name)
            accepted = self._client.deployments.create(
                place.model_name,
                version=version.version,
                replicas=values.get("replicas"),
                namespace=place.namespace,
                target=values.get("target"),
                resources=resources,
                autoscaling=autoscaling,
            )
            if not waiting.waits:
                return {"name": str(place), "flavor": "not built yet", "job_id": accepted.job_id}
            job = self._client.jobs.wait(accepted.job_id, timeout=waiting.seconds).require_success()
            deployment = self._client.deployments.get(str(job.deployment_id))
            if endpoint is not None:
                endpoints.lead_to(self._client, endpoint, deployment)
            return self._described(str(place), deployment)

    def update_deployment(
        self,
        name: str,
        model_uri: str | None = None,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Serve another version at the same address, or with another number of replicas; no request is lost."""
        with translated():
            values = read(config, UPDATE)
            waiting, autoscaling = Waiting.of(values), autoscaling_of(values)
            _refuse_flavor(flavor)
            _refuse_early_endpoint(endpoint, waiting)
            deployment = find(self._client, name)
            if autoscaling is not None:
                self._client.deployments.autoscale(deployment.deployment_id, autoscaling)
            if model_uri is not None:
                version = version_of(self._client, model_uri, model_name=deployment.model_name)
                self._replace(deployment, version.version, values.get("replicas"), waiting)
            elif "replicas" in values:
                self._client.deployments.scale(deployment.deployment_id, replicas=values["replicas"])
            if waiting.waits:
                deployment = self._ready(deployment.deployment_id, waiting)
            if endpoint is not None:
                endpoints.lead_to(self._client, endpoint, deployment)
            return self._described(name, deployment)

    def delete_deployment(
        self, name: str, config: Mapping[str, Any] | None = None, endpoint: str | None = None
    ) -> None:
        """Drain and stop a deployment. One that is not there is deleted already.

        Args:
            endpoint: the endpoint at which it is; a deployment elsewhere is left as it is.
        """
        with translated():
            waiting = Waiting.of(read(config, DELETE))
            try:
                found = self._found(name, endpoint)
            except NotFound:
                return
            self._client.deployments.remove(found.deployment_id)
            if waiting.waits:
                self._client.deployments.wait_until_stopped(found.deployment_id, timeout=waiting.seconds)

    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """All deployments that are not stopped, or those that may answer at an endpoint."""
        with translated():
            everything = named(self._client.deployments.list())
            if endpoint is not None:
                behind = {each.deployment_id for each in endpoints.deployments_behind(self._client, endpoint)}
                everything = [pair for pair in everything if pair[1].deployment_id in behind]
            return [self._described(name, deployment) for name, deployment in everything]

    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        """One deployment."""
        with translated():
            return self._described(name, self._found(name, endpoint))

    def predict(
        self, deployment_name: str | None = None, inputs: object = None, endpoint: str | None = None
    ) -> PredictionsResponse:
        """Predict with a deployment, or with whatever answers at an endpoint.

        Args:
            inputs: a DataFrame, columns, records, or an array.

        Returns:
            `predictions`: of a model with several outputs, all of them by name.
        """
        with translated():
            if inputs is None:
                raise Invalid("inputs: expected rows, got none", code="inputs_invalid", field="inputs")
            with self._predictor(deployment_name, endpoint) as predictor:
                return PredictionsResponse({"predictions": _answer(predictor.predict(inputs))})

    def create_endpoint(self, name: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make an API of the gateway that answers at once: `config` has what answers, `model` or `deployment`."""
        with translated():
            if any(api.api_id == name for api in self._client.gateway.apis()):
                raise already_there("endpoint", name)
            return endpoints.create(self._client, name, config)

    def update_endpoint(self, endpoint: str, config: Mapping[str, Any] | None = None) -> None:
        """Change what answers at an endpoint, or who may call it."""
        with translated():
            endpoints.update(self._client, endpoint, config)

    def delete_endpoint(self, endpoint: str) -> None:
        """Delete an endpoint; its deployments stay. One that is not there is deleted already."""
        with translated():
            endpoints.delete(self._client, endpoint)

    def list_endpoints(self) -> list[dict[str, Any]]:
        """All APIs of the gateway."""
        with translated():
            return endpoints.every(self._client)

    def get_endpoint(self, endpoint: str) -> dict[str, Any]:
        """One API of the gateway, with its address."""
        with translated():
            return endpoints.get(self._client, endpoint)

    @property
    def control_plane(self) -> str:
        """The address of the control plane."""
        return self._client.url

    @cached_property
    def _client(self) -> Client:
        _, _, url = str(self.target_uri).partition(":")
        client = Client.from_environment(url=url.lstrip("/") or None)
        weakref.finalize(self, client.close)
        return client

    def _found(self, name: str, endpoint: str | None) -> Deployment:
        deployment = find(self._client, name)
        if endpoint is None:
            return deployment
        behind = endpoints.deployments_behind(self._client, endpoint)
        if deployment.deployment_id not in {each.deployment_id for each in behind}:
            raise NotFound(f"deployment {name!r} is not at endpoint {endpoint!r}", code="deployment_not_found")
        return deployment

    def _predictor(self, name: str | None, endpoint: str | None) -> Predictor:
        if (name is None) == (endpoint is None):
            raise Invalid(
                "expected exactly one of deployment_name and endpoint",
                code="deployment_invalid",
                field="deployment_name",
            )
        if endpoint is not None:
            url = endpoints.address(self._client, endpoint)
            return Predictor(url, key=os.environ.get(_KEY_VARIABLE) or None)
        return self._client.deployments.predictor(find(self._client, str(name)).deployment_id)

    def _replace(self, deployment: Deployment, version: int, replicas: int | None, waiting: Waiting) -> None:
        changed = self._client.deployments.replace(deployment.deployment_id, version=version, replicas=replicas)
        if waiting.waits and changed.replacement is not None and changed.replacement.job_id is not None:
            self._client.jobs.wait(changed.replacement.job_id, timeout=waiting.seconds).require_success()

    def _ready(self, deployment_id: str, waiting: Waiting) -> Deployment:
        deployment = self._client.deployments.wait_until_ready(deployment_id, timeout=waiting.seconds)
        if deployment.is_over:
            reason = f": {deployment.reason}" if deployment.reason else ""
            raise Unavailable(f"deployment {deployment_id} is {deployment.status}{reason}", code="deployment_not_ready")
        return deployment

    def _described(self, name: str, deployment: Deployment) -> dict[str, Any]:
        """A deployment as MLflow shows it."""
        return {
            "name": name,
            "flavor": self._runtime(deployment),
            "model_uri": f"models:/{deployment.model_name}/{deployment.model_version}",
            "deployment_id": deployment.deployment_id,
            "status": deployment.status,
            "reason": deployment.reason,
            "replicas": deployment.replicas,
            "ready_replicas": deployment.ready_replicas,
            "target": deployment.target,
            "namespace": deployment.namespace,
            "url": deployment.url,
        }

    def _runtime(self, deployment: Deployment) -> str:
        try:
            return self._client.models.bundle(deployment.model_name, deployment.model_version).runtime
        except NotFound:
            return "not built yet"


def run_local(
    target: str,
    name: str,
    model_uri: str,
    flavor: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Deploy to the stack of this machine (`modelyard up`), which is what production runs too.

    Raises:
        MlflowException: the target is a control plane of another machine.
    """
    deployments = ModelyardDeployments(target)
    with translated():
        if not is_loopback(deployments.control_plane):
            raise Invalid(
                f"run-local: expected the stack of this machine (modelyard up), got {deployments.control_plane}",
                code="target_invalid",
                field="target",
            )
    made = deployments.create_deployment(name, model_uri, flavor, config)
    sys.stdout.write(f"{made['name']}: {made.get('url') or made.get('job_id')}\n")


def target_help() -> str:
    """What `mlflow deployments help -t modelyard` shows."""
    return HELP


def _refuse_flavor(flavor: str | None) -> None:
    if flavor is not None:
        raise Invalid(
            f"flavor: expected none, since Modelyard chooses the runtime itself, got {flavor!r}",
            code="flavor_unsupported",
            field="flavor",
        )


def _refuse_early_endpoint(endpoint: str | None, waiting: Waiting) -> None:
    if endpoint is not None and not waiting.waits:
        raise Invalid(
            "config wait: expected true with an endpoint, to which a deployment that is ready is released",
            code="config_invalid",
            field="wait",
        )


def _answer(prediction: Prediction) -> Any:
    """As pyfunc would: the only output, or all by name."""
    return prediction.predictions if len(prediction.outputs) <= 1 else dict(prediction.outputs)
