"""The chart, rendered by the real Helm and judged by Kubernetes' own schemas: what it makes, and what it refuses."""

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
import pytest
from charts import CHART, NEEDED, Object, helm, one_of, pod_templates, rendered, run_helm
from settings_variables import variables

from modelyard.adapters.runner.kubernetes_runner import KubernetesRunnerOptions
from modelyard.adapters.target.kubernetes.options import KubernetesOptions

EVERYTHING = {
    "replicas": "2",
    "home.accessModes": "{ReadWriteMany}",
    "namespaces": "{models,other}",
    "ingress.enabled": "true",
    "ingress.host": "models.example.com",
    "ingress.tlsSecret": "tls",
    "image.pullSecrets": "{pull}",
    "registry.existingSecret": "registry",
    "registry.repository": "registry.example.com/models",
    "registry.base": "registry.example.com/python@sha256:" + "0" * 64,
    "objectStore.existingSecret": "store",
    "mlflow.artifactRoot": "s3://bucket/artifacts",
    "settings.MODELYARD_RUN_SECONDS": "60",
    "settings.MODELYARD_ALLOWED_HOSTS": "api.example.com",
    "target.service.type": "LoadBalancer",
    "runner.namespace": "models",
    "gateway.enabled": "true",
    "gateway.tlsSecret": "gateway-tls",
    "gateway.url": "https://models.example.com",
    "gateway.metricsFrom[0].podSelector.matchLabels.app": "prometheus",
    "hostAliases[0].ip": "10.0.0.5",
    "hostAliases[0].hostnames": "{postgres.internal}",
}
"""Values that switch everything on."""
CLUSTERS = ["1.25", "1.30", "1.37"]


@pytest.fixture(scope="module", autouse=True)
def _helm() -> None:
    helm()


class TestObjects:
    @pytest.mark.parametrize("cluster", CLUSTERS)
    @pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as it comes", "everything"])
    def test_they_are_what_the_clusters_schemas_want(self, values: Mapping[str, str], cluster: str) -> None:
        for one in rendered(values, cluster=cluster):
            kubernetes_validate.validate(one, cluster, strict=True)

    def test_pods_meet_restricted_pod_security(self) -> None:
        for pod in pod_templates(rendered(EVERYTHING)):
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert all("hostPath" not in volume for volume in pod["volumes"])
            assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
            for container in pod["containers"]:
                context = container["securityContext"]
                assert context["allowPrivilegeEscalation"] is False
                assert context["readOnlyRootFilesystem"] is True
                assert context["capabilities"] == {"drop": ["ALL"]}
                assert "memory" in container["resources"]["limits"]

    def test_only_the_control_plane_has_a_token_of_the_cluster(self) -> None:
        with_token = [pod for pod in pod_templates(rendered()) if pod["automountServiceAccountToken"]]
        assert [pod["serviceAccountName"] for pod in with_token] == ["mine-modelyard"]

    def test_it_may_write_in_the_namespaces_of_models_alone_and_read_no_secret(self) -> None:
        objects = rendered(EVERYTHING)
        roles = [one for one in objects if one["kind"] == "Role"]
        assert [role["metadata"]["namespace"] for role in roles] == ["models", "other"]
        (cluster_role,) = [one for one in objects if one["kind"] == "ClusterRole"]
        assert {verb for rule in cluster_role["rules"] for verb in rule["verbs"]} == {"list"}
        for rule in [rule for role in (*roles, cluster_role) for rule in role["rules"]]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            if "secrets" in rule["resources"]:
                assert set(rule["verbs"]) == {"create", "delete"}

    def test_with_one_namespace_it_has_no_right_on_the_cluster(self) -> None:
        assert not [one for one in rendered({"namespaces": "{models}"}) if one["kind"].startswith("Cluster")]

    def test_a_digest_counts_more_than_a_tag(self) -> None:
        digest = "sha256:" + "a" * 64
        images = {
            container["image"]
            for pod in pod_templates(rendered({"image.digest": digest, "image.tag": "latest"}))
            for container in pod["containers"]
        }
        assert images == {f"registry.example.com/modelyard@{digest}"}


class TestSettings:
    def test_every_variable_is_one_of_the_control_planes(self) -> None:
        known = variables() | {"PYTHONPYCACHEPREFIX"}
        for pod in pod_templates(rendered(EVERYTHING)):
            for container in pod["containers"]:
                names = [variable["name"] for variable in container["env"]]
                assert set(names) <= known
                assert len(names) == len(set(names))

    def test_secrets_come_from_secrets(self) -> None:
        for pod in pod_templates(rendered(EVERYTHING)):
            for variable in pod["containers"][0]["env"]:
                is_secret = any(word in variable["name"] for word in ("_KEY", "DATABASE_URL", "BACKEND_URI"))
                is_secret &= not variable["name"].endswith("_TLS_KEY")  # The path of a file of a secret.
                assert is_secret == ("secretKeyRef" in variable.get("valueFrom", {}))

    def test_the_target_is_this_cluster_with_its_namespaces(self) -> None:
        target = _variable(rendered(EVERYTHING), "MODELYARD_TARGETS")["cluster"]
        assert target.pop("type") == "kubernetes"
        options = KubernetesOptions.model_validate(target)
        assert options.in_cluster
        assert options.allowed_namespaces == ("models", "other")
        assert options.service.type == "LoadBalancer"

    def test_runs_of_this_cluster_find_their_registry_and_their_tracker(self) -> None:
        values = {**EVERYTHING, "runner.namespace": "other", "runner.cpus": "2"}
        objects = rendered(values)
        runner = _variable(objects, "MODELYARD_RUNNERS")["cluster"]
        assert runner.pop("type") == "kubernetes"
        options = KubernetesRunnerOptions.model_validate(runner)
        assert options.repository == "registry.example.com/models/runs"
        assert options.tracking_uri == "http://mine-modelyard-mlflow.platform.svc:5000"
        assert (options.namespace, options.cpus, options.in_cluster) == ("other", 2, True)
        may_run = {
            role["metadata"]["namespace"]
            for role in objects
            if role["kind"] == "Role" and any("jobs" in rule["resources"] for rule in role["rules"])
        }
        assert may_run == {"other"}

    def test_the_control_planes_call_mlflow_and_it_knows_its_name(self) -> None:
        deployment = one_of(rendered(EVERYTHING), "Deployment", "mine-modelyard-mlflow")
        env = {one["name"]: one.get("value") for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
        host = env["MODELYARD_MLFLOW_SERVICE_URL"].removeprefix("http://").removesuffix(":5000")
        assert host in env["MODELYARD_ALLOWED_HOSTS"].split(",")
        assert {"models.example.com", "api.example.com"} <= set(env["MODELYARD_ALLOWED_HOSTS"].split(","))


class TestValues:
    @pytest.mark.parametrize(
        ("values", "reported"),
        [
            ({"image.repository": ""}, "/image/repository"),
            ({"database.existingSecret": ""}, "/database/existingSecret"),
            ({"replicas": "0"}, "/replicas"),
            ({"replicas": "2"}, "home.accessModes: expected ReadWriteMany"),
            ({"image.digest": "latest"}, "/image/digest"),
            ({"namespaces": "{kube-system}"}, "/namespaces/0"),
            ({"replica": "2"}, "additional properties 'replica' not allowed"),
            ({"mlflow.enabled": "false"}, "mlflow.trackingUri: expected the address"),
            ({"ingress.enabled": "true"}, "ingress.host: expected the name"),
            ({"runner.cpus": "2"}, "runner.repository: expected"),
            ({"runner.repository": "r.example.com/runs", "runner.namespace": "x"}, "runner.namespace: expected one of"),
        ],
    )
    def test_what_cannot_work_is_refused_by_its_name(self, values: Mapping[str, str], reported: str) -> None:
        result = run_helm("template", "mine", str(CHART), **{**NEEDED, **values})
        assert result.returncode != 0
        assert reported in result.stderr

    def test_the_linter_has_nothing_to_say(self) -> None:
        result = run_helm("lint", "--strict", str(CHART), **NEEDED)
        assert result.returncode == 0, result.stdout + result.stderr


def _variable(objects: list[Object], name: str) -> dict[str, Any]:
    """What a variable of the control plane says."""
    deployment = one_of(objects, "Deployment", "mine-modelyard")
    env = {one["name"]: one.get("value") for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    content: dict[str, Any] = json.loads(env[name])
    return content


class TestTheGateway:
    VALUES: Mapping[str, str] = {"gateway.enabled": "true"}

    @pytest.mark.parametrize(
        ("values", "reference"),
        [
            ({}, {"name": "mine-modelyard-gateway", "key": "gateway-key"}),
            ({"keys.gatewayKey": "for-nodes"}, {"name": "keys", "key": "for-nodes"}),
        ],
        ids=["made by the chart", "the operator's"],
    )
    def test_its_nodes_and_the_control_plane_have_the_same_key_and_no_token_of_the_cluster(
        self, values: Mapping[str, str], reference: Mapping[str, str]
    ) -> None:
        objects = rendered({**self.VALUES, **values})
        gateway = one_of(objects, "Deployment", "mine-modelyard-gateway")["spec"]["template"]["spec"]
        control = one_of(objects, "Deployment", "mine-modelyard")["spec"]["template"]["spec"]
        keys = [
            [each["valueFrom"] for each in pod["containers"][0]["env"] if each["name"] == "MODELYARD_GATEWAY_KEY"]
            for pod in (gateway, control)
        ]
        assert keys[0] == keys[1] == [{"secretKeyRef": reference}]
        secrets = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "Secret"}
        assert secrets.keys() == ({reference["name"]} if not values else set())
        assert all(len(b64decode(data["gateway-key"])) >= 32 for data in secrets.values())
        assert gateway["automountServiceAccountToken"] is False

    def test_it_reaches_the_control_plane_where_others_are_kept_out(self) -> None:
        values = {**self.VALUES, "networkPolicy.from[0].podSelector.matchLabels.app": "console"}
        policy = one_of(rendered(values), "NetworkPolicy", "mine-modelyard")
        (rule,) = policy["spec"]["ingress"]
        chosen = [one["podSelector"]["matchLabels"] for one in rule["from"]]
        gateway = one_of(rendered(values), "Deployment", "mine-modelyard-gateway")["spec"]["selector"]["matchLabels"]
        assert chosen == [{"app": "console"}, gateway]

    def test_a_pod_has_longer_than_its_requests_to_end(self) -> None:
        values = {**self.VALUES, "gateway.drainSeconds": "300", "gateway.noticeSeconds": "20"}
        deployment = one_of(rendered(values), "Deployment", "mine-modelyard-gateway")
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 320
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0

    def test_it_reaches_callers_with_tls_only_where_there_is_a_certificate(self) -> None:
        plain = one_of(rendered(self.VALUES), "Service", "mine-modelyard-gateway")
        assert [port["name"] for port in plain["spec"]["ports"]] == ["http"]
        secure = one_of(rendered({**self.VALUES, "gateway.tlsSecret": "tls"}), "Service", "mine-modelyard-gateway")
        assert [port["name"] for port in secure["spec"]["ports"]] == ["http", "https"]

    @pytest.mark.parametrize(
        ("values", "url"),
        [
            ({}, "http://mine-modelyard-gateway.platform.svc"),
            ({"gateway.service.port": "8080"}, "http://mine-modelyard-gateway.platform.svc:8080"),
            ({"gateway.tlsSecret": "tls"}, "https://mine-modelyard-gateway.platform.svc"),
            (
                {"gateway.tlsSecret": "tls", "gateway.service.tlsPort": "8443"},
                "https://mine-modelyard-gateway.platform.svc:8443",
            ),
            ({"gateway.url": "https://models.example.com"}, "https://models.example.com"),
        ],
    )
    def test_deployments_name_an_address_that_leads_to_it(self, values: Mapping[str, str], url: str) -> None:
        control = one_of(rendered({**self.VALUES, **values}), "Deployment", "mine-modelyard")
        variables = control["spec"]["template"]["spec"]["containers"][0]["env"]
        assert [one["value"] for one in variables if one["name"] == "MODELYARD_GATEWAY_URL"] == [url]

    def test_without_it_nothing_of_it_is_there(self) -> None:
        assert not [one for one in rendered() if "gateway" in json.dumps(one).lower()]
