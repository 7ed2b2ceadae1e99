"""The fake API server beside the real kubectl: what is tested against it is tested against Kubernetes' rules."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_kubernetes.server import FakeCluster
from kubernetes_clusters import MakeKubernetesTarget

from modelyard.ports.target import ServerSpec, ServerState

Until = Callable[..., None]
Kubectl = Callable[..., subprocess.CompletedProcess[str]]

APPLIED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: %s
        ports: [{containerPort: 80, protocol: TCP}]
"""


@pytest.fixture
def kubectl(fake_kubernetes: FakeCluster, tmp_path: Path) -> Kubectl:
    kubeconfig = fake_kubernetes.write_kubeconfig(tmp_path / "kubeconfig-of-kubectl")
    program = Path(sys.executable).with_name("kubectl")

    def call(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
        return subprocess.run(
            [program, *arguments], input=given, capture_output=True, text=True, timeout=60, env=environment, check=False
        )

    return call


class TestKubectl:
    def test_two_managers_share_a_list_by_its_keys_and_conflict_over_one_field(self, kubectl: Kubectl) -> None:
        apply = ["apply", "--server-side", "--validate=false", "-f", "-"]
        first = kubectl(*apply, "--field-manager=one", given=APPLIED % "a:1")
        assert "deployment.apps/web serverside-applied" in first.stdout, first.stderr
        sidecar = (APPLIED % "a:1").replace("name: web\n        image", "name: log\n        image")
        assert kubectl(*apply, "--field-manager=two", given=sidecar).returncode == 0
        found = json.loads(kubectl("get", "deployment", "web", "-o", "json").stdout)
        assert [one["name"] for one in found["spec"]["template"]["spec"]["containers"]] == ["web", "log"]
        refused = kubectl(*apply, "--field-manager=three", given=APPLIED % "b:1")
        assert 'conflict with "one": .spec.template.spec.containers[name="web"].image' in refused.stderr
        forced = kubectl(*apply, "--field-manager=three", "--force-conflicts", given=APPLIED % "b:1")
        assert forced.returncode == 0, forced.stderr

    def test_what_a_manager_does_not_name_any_more_goes(self, kubectl: Kubectl) -> None:
        apply = ["apply", "--server-side", "--validate=false", "-f", "-"]
        labelled = (APPLIED % "a:1").replace("labels: {app: web}}\nspec", "labels: {app: web, tier: x}}\nspec")
        kubectl(*apply, given=labelled)
        kubectl(*apply, given=APPLIED % "a:1")
        found = json.loads(kubectl("get", "deployment", "web", "-o", "json").stdout)
        assert found["metadata"]["labels"] == {"app": "web"}

    def test_an_unknown_field_is_refused_by_the_schema(self, kubectl: Kubectl) -> None:
        wrong = (APPLIED % "a:1").replace("containerPort: 80", "containerPrt: 80")
        refused = kubectl("apply", "--server-side", "--validate=false", "-f", "-", given=wrong)
        assert "containerPrt" in refused.stderr


class TestLinesOfAUser:
    """Of the document that our users wrote on models that serve on Kubernetes."""

    def test_they_find_and_scale_what_the_target_has_made(
        self, kubectl: Kubectl, image_spec: ServerSpec, make_kubernetes_target: MakeKubernetesTarget, until: Until
    ) -> None:
        target = make_kubernetes_target()
        target.apply(image_spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        services = kubectl("get", "services", "-n", "default", "-l", "app.kubernetes.io/component=inference")
        assert "my-model-inference" in services.stdout, services.stderr
        pods = kubectl("get", "pods", "-n", "default", "-l", "app=my-model-inference", "-o", "name").stdout.split()
        assert len(pods) == 1
        logs = kubectl("logs", "-n", "default", "-l", "app=my-model-inference", "--tail=50")
        assert logs.stdout == "stand-in serves /model\n", logs.stderr
        scaled = kubectl("scale", "deployment", "my-model-inference", "-n", "default", "--replicas=5")
        assert scaled.stdout == "deployment.apps/my-model-inference scaled\n", scaled.stderr
        until(lambda: len(target.observe("d-1", 1).replicas) == 5)
        deleted = kubectl("delete", "deployment", "my-model-inference", "-n", "default", "--wait=false")
        assert 'deployment.apps "my-model-inference" deleted' in deleted.stdout, deleted.stderr
