"""A script, deployed to a real cluster by one command: an image of our own writer, pulled by a node, in real pods.

It runs against the cluster that MODELYARD_TEST_KUBECONFIG names, whose nodes are this machine.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from image_engines import real_registry
from kubernetes_clusters import real_kubeconfig
from machine_base import machine_base
from ports import find_free_port
from tests.e2e.seeds.documents import KUBECTL_LINES, bash
from tests.e2e.stack import EXAMPLES, Json, Stack, wait_for

from modelyard.oci.layout import Layout

__all__ = ["real_kubeconfig"]

NAMESPACE = f"asgard-{uuid4().hex[:6]}"
LEAVING_SECONDS = 150
"""A gateway may keep servers for 15 s, and pods have 41 s to end. On a busy node their objects stay until the kubelet's
next collection, once a minute."""


def kubectl(kubeconfig: Path, *arguments: str) -> str:
    """What the real command prints."""
    command = [str(Path(sys.executable).with_name("kubectl")), f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def platform(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with this machine and the cluster as its targets, and a registry from which nodes pull."""
    folder = tmp_path_factory.mktemp("kubernetes")
    layout = Layout(folder / "bases")
    machine_base(layout, folder / "root")
    layout.close()
    port, mlflow_port, first = (find_free_port() for _ in range(3))
    cluster = {
        "type": "kubernetes",
        "kubeconfig": str(real_kubeconfig),
        "namespace": NAMESPACE,
        "create_namespaces": True,
        "service": {"address": "ip"},
        "routing_seconds": 1,
    }
    with real_registry(folder / "registry") as registry:
        platform = Stack(
            home=folder / "home",
            port=port,
            mlflow_port=mlflow_port,
            settings={
                "MODELYARD_TARGETS": json.dumps({"local": {}, "kubernetes": cluster}),
                "MODELYARD_IMAGE_REPOSITORY": f"{registry.host}/asgard-model",
                "MODELYARD_IMAGE_BASE": f"oci:{folder / 'bases'}:base",
                "MODELYARD_SERVER_PORT_FIRST": str(first),
                "MODELYARD_SERVER_PORT_LAST": str(min(first + 200, 65535)),
                "MODELYARD_REPLICA_MEMORY_MB": "1024",
            },
        )
        try:
            with platform.running():
                yield platform
                platform.undeploy("my_model", timeout=LEAVING_SECONDS)
        finally:
            kubectl(real_kubeconfig, "delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="module")
def job(platform: Stack) -> Json:
    """The one-click job that deployed the example to the cluster."""
    arguments = ["--model", "my_model", "--target", "kubernetes", "--replicas", "2", "--output", "json"]
    done = platform.run("deploy", str(EXAMPLES / "breast_cancer" / "train.py"), *arguments, timeout=500)
    return platform.get(f"/mlops/deployments/{json.loads(done.stdout)['job_id']}")


class TestOnPods:
    def test_it_answers_as_the_same_version_does_here(self, platform: Stack, job: Json) -> None:
        assert job["status"] == "deployed"
        assert job["external_ip"] == httpx.URL(job["deployment_url"]).host
        assert job["ecr_image"].endswith("/asgard-model:my-model-v1")
        here = platform.run("deploy", "my_model", "--version", "1", "--target", "local", "--output", "json")
        local = platform.get(f"/mlops/deployments/{json.loads(here.stdout)['job_id']}")["deployment_url"]
        rows = platform.anyone.get(f"{local}/v2/models/my_model").json()["inputs"]
        inputs = {column["name"]: [0.5, 1.5, 20.0] for column in rows}
        assert platform.predict(job["deployment_url"], inputs) == platform.predict(local, inputs)
        health = platform.anyone.get(f"{job['deployment_url']}/health").json()
        assert health == {
            "status": "healthy",
            "model": {"name": "my_model", "version": "1", "run_id": job["run_id"]},
        }

    @pytest.mark.parametrize("line", KUBECTL_LINES)
    def test_a_line_of_our_users_document_gives_what_it_shows(
        self, job: Json, real_kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, line: str
    ) -> None:
        monkeypatch.setenv("KUBECONFIG", str(real_kubeconfig))
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if " top " in line and "metrics.k8s.io" not in kubectl(real_kubeconfig, "api-versions"):
            pytest.skip("the cluster has no metrics server")
        printed = bash(line, {"asgard": NAMESPACE})
        assert "my-model-inference" in printed or "modelyard_serving" in printed, printed
        if " get pods " in line:
            assert [row.split()[1:3] for row in printed.splitlines()[1:]] == [["1/1", "Running"]] * 2

    def test_what_kubectl_has_scaled_is_shown_and_stays(self, platform: Stack, job: Json) -> None:
        def deployment() -> Json:
            found = platform.get("/api/v1/deployments", model_name="my_model", target="kubernetes")["deployments"]
            return dict(found[0])

        wait_for(lambda: deployment()["ready_replicas"] == 5, timeout=90, what=lambda: f"5 replicas: {deployment()}")
        assert "2 were asked for here" in deployment()["reason"]
        platform.run("scale", deployment()["deployment_id"], "--replicas", "1")
        assert deployment()["reason"] is None

    def test_its_log_is_here_and_a_deleted_deployment_comes_back(
        self, platform: Stack, job: Json, real_kubeconfig: Path
    ) -> None:
        found = platform.get("/api/v1/deployments", model_name="my_model", target="kubernetes")["deployments"][0]
        assert "my-model-inference-" in platform.run("logs", found["deployment_id"]).stdout
        path = ("deployment", "my-model-inference", "-n", NAMESPACE)

        def uid() -> str:
            return kubectl(real_kubeconfig, "get", *path, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}")

        def deployment() -> Json:
            return dict(platform.get(f"/api/v1/deployments/{found['deployment_id']}"))

        def answers() -> bool:
            # On a new connection: one that was made while the Service led nowhere went to the network's gateway, stays
            # there, and that may answer.
            try:
                return httpx.get(f"{job['deployment_url']}/v2/health/ready", timeout=2).is_success
            except httpx.TransportError:
                return False

        deleted = uid()
        kubectl(real_kubeconfig, "delete", *path, "--wait=false")
        wait_for(lambda: uid() not in {"", deleted}, timeout=60, what=lambda: "another Deployment")
        wait_for(lambda: deployment()["status"] == "ready", timeout=120, what=lambda: f"its pod: {deployment()}")
        wait_for(answers, timeout=90, what=lambda: f"an answer at {job['deployment_url']}")
