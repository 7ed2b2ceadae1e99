"""Scripts run in pods of a real cluster, while the control plane is killed."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from image_engines import real_registry
from kubernetes_clusters import real_kubeconfig
from machine_base import machine_base
from ports import find_free_port
from tests.e2e.stack import EXAMPLES, Stack, wait_for
from tests.e2e.test_outages import CONTROL

from modelyard.adapters.kubernetes.cluster_api import JOBS, NAMESPACES, PODS, SECRETS, ClusterApi, Resource
from modelyard.adapters.kubernetes.connection import connect
from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.adapters.target.options import read_options
from modelyard.oci.layout import Layout

__all__ = ["real_kubeconfig"]

EXAMPLE = EXAMPLES / "breast_cancer" / "train.py"


@dataclass(frozen=True)
class PodStack:
    """A platform whose runner `cluster` runs scripts in pods of a namespace of its own."""

    stack: Stack
    api: ClusterApi
    namespace: str

    def left(self) -> list[str]:
        """The names of all objects of runs."""
        labels = "app.kubernetes.io/component=training"
        found = [self.api.list(kind, labels=labels, namespace=self.namespace) for kind in (JOBS, PODS, SECRETS)]
        return [one["metadata"]["name"] for objects in found for one in objects]


@pytest.fixture(scope="module")
def platform(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodStack]:
    folder = tmp_path_factory.mktemp("pods")
    namespace = f"modelyard-e2e-{uuid4().hex[:8]}"
    options = read_options(KubernetesOptions, "tests", {"kubeconfig": real_kubeconfig})
    with closing(Layout(folder / "bases")) as layout:
        machine_base(layout, folder / "root")
    with (
        real_registry(folder / "registry") as registry,
        closing(ClusterApi(lambda: connect(options))) as api,
    ):
        content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        api.apply(NAMESPACES, content, manager="tests")
        stack = stack_of(folder, registry=registry.host, api=api, kubeconfig=real_kubeconfig, namespace=namespace)
        try:
            with stack.running():
                yield PodStack(stack, api, namespace)
        finally:
            api.delete(NAMESPACES, namespace)


def stack_of(folder: Path, *, registry: str, api: ClusterApi, kubeconfig: Path, namespace: str) -> Stack:
    """A stack whose tracking server listens on the address of the one node, which is this machine, too."""
    (node,) = api.list(Resource("v1", "nodes"))
    addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
    mlflow_port = find_free_port()
    cluster = {
        "type": "kubernetes",
        "kubeconfig": str(kubeconfig),
        "namespace": namespace,
        "repository": f"{registry}/runs",
        "tracking_uri": f"http://{addresses['InternalIP']}:{mlflow_port}",
        "requested_cpus": 0.1,
    }
    return Stack(
        home=folder / "home",
        port=find_free_port(),
        mlflow_port=mlflow_port,
        settings={
            "MODELYARD_RUNNERS": json.dumps({"local": {}, "cluster": cluster}),
            "MODELYARD_MLFLOW_HOST": "0.0.0.0",
            "MODELYARD_IMAGE_BASE": f"oci:{folder}/bases:base",
            "MODELYARD_COMPILE_MODELS": "false",
        },
    )


def test_an_example_trains_in_a_pod_while_the_control_plane_is_killed(platform: PodStack) -> None:
    stack = platform.stack
    options = ["-r", "pandas>=2", "-r", "scikit-learn>=1.5", "--model", "in_pod", "--runner", "cluster"]
    done = stack.run("train", str(EXAMPLE), *options, "--no-wait", "--output", "json")
    job_id = json.loads(done.stdout)["job_id"]

    def has_begun() -> bool:
        assert stack.get(f"/mlops/jobs/{job_id}")["status"] != "failed", stack.job_log(job_id)
        sent: Path = stack.home / "jobs" / job_id / "run-1" / "sent"
        return sent.exists()

    wait_for(has_begun, timeout=400, what=lambda: f"the run to begin\n{stack.job_log(job_id)}")
    os.kill(stack.pid(CONTROL), signal.SIGKILL)

    job = stack.succeeded(job_id, timeout=300)

    assert job["source"]["runner"] == "cluster"
    assert platform.left() == []
    (version,) = stack.get("/mlops/models/in_pod")["versions"]
    assert (str(version["version"]), version["run_id"]) == (job["model_version"], job["run_id"])
    assert stack.job_log(job_id).count("View run logistic-regression") == 1
