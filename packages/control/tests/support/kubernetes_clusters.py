"""Clusters for tests: the fake one, and a real one where an environment variable names its kubeconfig.

`MODELYARD_TEST_KUBECONFIG` is not `KUBECONFIG`, which may name somebody's production. `MODELYARD_TEST_IMAGE_LOAD` is
the command that makes an image archive known to its nodes.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fake_kubernetes.server import FakeCluster, fake_cluster
from machine_base import PYTHON, machine_base
from oci_parts import make_bundle, make_wheel, plenty

from modelyard.adapters.kubernetes.cluster_api import NAMESPACES, PODS, ClusterApi
from modelyard.adapters.kubernetes.connection import connect
from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.adapters.target.kubernetes.target import KubernetesTarget
from modelyard.adapters.target.kubernetes.workload import WorkloadDefaults
from modelyard.adapters.target.options import read_options
from modelyard.oci.export import export_archive
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layout import Layout
from modelyard.ports.target import ImageArtifact, ServerSpec

MakeKubernetesTarget = Callable[..., KubernetesTarget]

_IMAGE = "localhost/modelyard-tests:pod-server"


@dataclass(frozen=True)
class Cluster:
    """Where a test's targets are, and an image that runs there."""

    kubeconfig: Path
    namespace: str
    image: str
    fake: FakeCluster | None = None


@pytest.fixture
def fake_kubernetes() -> Iterator[FakeCluster]:
    with fake_cluster() as cluster:
        yield cluster


@pytest.fixture
def kubernetes(fake_kubernetes: FakeCluster, tmp_path: Path) -> Cluster:
    """The fake cluster; a class of tests may override it by `real_kubernetes`."""
    kubeconfig = fake_kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
    return Cluster(kubeconfig, "default", "localhost/models@sha256:1", fake_kubernetes)


@pytest.fixture
def real_kubernetes(real_kubeconfig: Path, pod_server_image: str) -> Iterator[Cluster]:
    """A namespace of a real cluster, which is deleted with all that is in it."""
    namespace = f"modelyard-{uuid4().hex[:8]}"
    yield Cluster(real_kubeconfig, namespace, pod_server_image)
    options = read_options(KubernetesOptions, "tests", {"kubeconfig": real_kubeconfig})
    with closing(ClusterApi(lambda: connect(options))) as api:
        api.delete(NAMESPACES, namespace)


@pytest.fixture(scope="session")
def real_kubeconfig() -> Path:
    """Of the cluster that the environment names."""
    named = os.environ.get("MODELYARD_TEST_KUBECONFIG")
    if named is None:
        pytest.skip("MODELYARD_TEST_KUBECONFIG names no cluster")
    return Path(named)


@pytest.fixture(scope="session")
def pod_server_image(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of a server of tests, made by our own writer and known to the nodes while the tests run."""
    with held_image(real_kubeconfig, _load_pod_server(tmp_path_factory)) as image:
        yield image


def _load_pod_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pod-server")
    layout = Layout(folder / "layout")
    source = Path(__file__).with_name("pod_server.py").read_bytes()
    wheel = make_wheel(
        folder,
        "modelyard-serving",
        "0.1.0",
        files={"modelyard_serving/__init__.py": b"", "modelyard_serving/cli.py": source},
        scripts={"modelyard-serve": "modelyard_serving.cli:main"},
    )
    image = ImageBuilder(layout, require_space=plenty).build(
        name="pod-server",
        base=machine_base(layout, folder / "root"),
        python="3.11",
        wheels=[wheel],
        bundle=make_bundle(folder / "bundle"),
        metadata=ImageMetadata(licenses="Apache-2.0"),
    )
    export_archive(layout, image.descriptor, folder / "image.tar", reference=_IMAGE)
    load_image(folder / "image.tar")
    layout.close()
    (folder / "image.tar").unlink()
    return _IMAGE


@contextmanager
def held_image(kubeconfig: Path, image: str) -> Iterator[str]:
    """The image, which a pod keeps in use: a kubelet deletes images that no pod uses while its disk is 85 % full."""
    name = f"holds-an-image-{uuid4().hex[:8]}"
    holder = {
        "name": "holder",
        "image": image,
        "imagePullPolicy": "Never",
        "command": [str(PYTHON), "-c", "import signal; signal.pause()"],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [holder], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False},
    }
    options = read_options(KubernetesOptions, "tests", {"kubeconfig": kubeconfig})
    with closing(ClusterApi(lambda: connect(options))) as api:
        api.apply(PODS, pod, manager="tests")
        try:
            _wait_until_it_runs(api, name)
            yield image
        finally:
            api.delete(PODS, name, namespace="default")


def _wait_until_it_runs(api: ClusterApi, name: str) -> None:
    deadline = time.monotonic() + 120
    while (status := (api.find(PODS, name, namespace="default") or {}).get("status", {})).get("phase") != "Running":
        assert time.monotonic() < deadline, f"the pod that holds the image does not run: {status}"
        time.sleep(0.2)


def load_image(archive: Path) -> None:
    """Make an image known to the nodes of the real cluster."""
    command = os.environ.get("MODELYARD_TEST_IMAGE_LOAD")
    if command is None:
        pytest.skip("MODELYARD_TEST_IMAGE_LOAD names no command")
    subprocess.run([*shlex.split(command), str(archive)], check=True, timeout=300)


@pytest.fixture
def make_kubernetes_target(kubernetes: Cluster, tmp_path: Path) -> Iterator[MakeKubernetesTarget]:
    """Targets of one cluster, each of an installation."""
    made: list[KubernetesTarget] = []

    def make(
        installation: str = "this", memory_bytes: int | None = None, *, name: str = "tests", **options: Any
    ) -> KubernetesTarget:
        given = {
            "kubeconfig": kubernetes.kubeconfig,
            "namespace": kubernetes.namespace,
            "create_namespaces": True,
            "image_pull_policy": "Never",
            "service": {"address": "ip"},
            "routing_seconds": 1 if kubernetes.fake is None else 0,
            "pull_grace_seconds": 0,
        }
        read = read_options(KubernetesOptions, "tests", given | options)
        target = KubernetesTarget(
            name,
            ClusterApi(lambda: connect(read)),
            WorkloadDefaults(read, {"mlflow_uri": "http://mlflow:5000"}, memory_bytes),
            installation=lambda: installation,
            logs=tmp_path / f"logs-{installation}-{name}",
        )
        made.append(target)
        return target

    yield make
    for target in made:
        target.close()


@pytest.fixture
def image_spec(kubernetes: Cluster) -> ServerSpec:
    """A server whose artifact is an image."""
    return ServerSpec(
        deployment_id="d-1",
        generation=1,
        model_name="my_model",
        version=1,
        artifact=ImageArtifact(kubernetes.image, "sha256:0", "registry.example.com/models:my-model-v1"),
        replicas=1,
        namespace="asgard",
    )
