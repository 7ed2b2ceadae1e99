"""Runs as Jobs of a real Kubernetes, whose nodes pull the run image from a real registry."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from container_runs import EMPTY_LOCK, NoWheels
from image_engines import real_registry
from machine_base import machine_base
from oci_parts import plenty

from modelyard.adapters.kubernetes.cluster_api import JOBS, NAMESPACES, PODS, SECRETS, ClusterApi
from modelyard.adapters.kubernetes.connection import connect
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.adapters.runner.kubernetes import KubernetesHost
from modelyard.adapters.runner.kubernetes_job import JobOptions
from modelyard.adapters.runner.run_image import RunImages
from modelyard.adapters.runner.run_store import RunStore
from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.adapters.target.options import read_options
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.transport import RegistryAccess

_RUNS = "app.kubernetes.io/component=training"


@dataclass(frozen=True)
class PodRuns:
    """A namespace of a cluster, a registry that has the run image, and runners on both."""

    api: ClusterApi
    namespace: str
    images: RunImages
    registry: str
    kubectl: Sequence[str]

    def host(self, **options: object) -> KubernetesHost:
        given = {"namespace": self.namespace, "grace_seconds": 2, "requested_cpus": 0.05, "requested_memory_mb": 64}
        return KubernetesHost(
            self.api,
            self.images,
            repository=Repository(self.registry, "runs"),
            open_registry=lambda host: Registry(host, RegistryAccess()),
            installation=lambda: "installation-1",
            options=JobOptions.model_validate(given | options),
        )

    def runner(self, folder: Path, host: KubernetesHost | None = None, *, start_seconds: float = 120) -> HostedRunner:
        return HostedRunner(
            RunStore(folder),
            host or self.host(),
            installation=lambda: "installation-1",
            tracking_uri=lambda: "http://127.0.0.1:5000",
            grace_seconds=2,
            start_seconds=start_seconds,
        )

    def execute(self, code: str) -> None:
        """Run a Python program in the one pod of a run."""
        (pod,) = self.api.list(PODS, labels=_RUNS, namespace=self.namespace)
        command = [*self.kubectl, "exec", pod["metadata"]["name"], "--", "/opt/modelyard/bin/python", "-c", code]
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    def left(self) -> list[str]:
        """The names of all objects of runs."""
        kinds = (JOBS, PODS, SECRETS)
        found = [self.api.list(kind, labels=_RUNS, namespace=self.namespace) for kind in kinds]
        return [one["metadata"]["name"] for objects in found for one in objects]


@contextmanager
def pod_runs(kubeconfig: Path, folder: Path) -> Iterator[PodRuns]:
    """A namespace of its own, which is deleted at the end."""
    namespace = f"modelyard-runs-{uuid4().hex[:8]}"
    options = read_options(KubernetesOptions, "tests", {"kubeconfig": kubeconfig})
    with ExitStack() as opened:
        layout = opened.enter_context(closing(Layout(folder / "layout")))
        registry = opened.enter_context(real_registry(folder / "registry"))
        api = opened.enter_context(closing(ClusterApi(lambda: connect(options))))
        base = machine_base(layout, folder / "root")
        images = RunImages(layout, base=lambda _: base, wheels=NoWheels(), require_space=plenty)
        content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        api.apply(NAMESPACES, content, manager="tests")
        opened.callback(api.delete, NAMESPACES, namespace)
        kubectl = [
            str(Path(sys.executable).with_name("kubectl")),
            "--kubeconfig",
            str(kubeconfig),
            "--namespace",
            namespace,
        ]
        runs = PodRuns(api, namespace, images, registry.host, kubectl)
        runs.host().prepare(EMPTY_LOCK, log=print)
        yield runs
