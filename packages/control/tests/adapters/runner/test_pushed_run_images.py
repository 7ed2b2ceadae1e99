"""Run images at a registry go when the layout has dropped them; none that a pod uses, and none of anybody else."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from container_runs import EMPTY_LOCK, NoWheels
from fake_kubernetes.server import FakeCluster
from fake_kubernetes.store import KINDS
from image_engines import real_registry
from kubernetes_clusters import fake_kubernetes
from oci_parts import make_base, plenty

from modelyard.adapters.kubernetes.cluster_api import PODS, ClusterApi
from modelyard.adapters.kubernetes.connection import connect
from modelyard.adapters.runner.kubernetes import KubernetesHost
from modelyard.adapters.runner.kubernetes_job import JobOptions
from modelyard.adapters.runner.run_image import RunImage, RunImages
from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.adapters.target.options import read_options
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import push_image
from modelyard.oci.registry.transport import RegistryAccess
from modelyard.ports.environments import Lock

__all__ = ["fake_kubernetes"]

_ACCESS = RegistryAccess(attempts=1)


def lock(name: str) -> Lock:
    text = f"# python: 3.11\n# {name}\n"
    return Lock(text, sha256(text.encode()).hexdigest())


@dataclass
class Runs:
    """A cluster, a layout, and a host of runs for each repository that an operator may name."""

    api: ClusterApi
    images: RunImages
    repository: Repository
    cluster: FakeCluster

    def host(self, repository: Repository | None = None) -> KubernetesHost:
        return KubernetesHost(
            self.api,
            self.images,
            repository=repository or self.repository,
            open_registry=lambda host: Registry(host, _ACCESS),
            installation=lambda: "installation-1",
            options=JobOptions.model_validate({"namespace": "default"}),
        )

    def pushed(self, lock: Lock, host: KubernetesHost | None = None) -> RunImage:
        """The image of a lock, which the layout has dropped after its push."""
        (host or self.host()).prepare(lock, log=print)
        image = self.images.find(lock.digest)
        assert image is not None
        layout = self.images.layout
        entry = next(one for one in layout.index().manifests if one.digest == image.descriptor.digest)
        layout.remove(entry.digest, name=entry.annotations["org.opencontainers.image.ref.name"])
        return image

    def has(self, image: RunImage, repository: Repository | None = None) -> bool:
        with Registry(self.repository.host, _ACCESS) as registry:
            return registry.digest_of((repository or self.repository).at(image.descriptor.digest)) is not None

    def run_pod(self, image: RunImage) -> None:
        """A pod of a run of another control plane of this installation."""
        container = {"name": "run", "image": str(self.repository.at(image.descriptor.digest))}
        labels = {"modelyard.dev/installation": "installation-1"}
        metadata: dict[str, Any] = {"name": "run-1", "namespace": "default", "labels": labels}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
        self.api.apply(PODS, pod, manager="tests")

    def end_pods(self) -> None:
        kind = next(kind for kind in KINDS if kind.name == "Pod")
        self.cluster.store.drop(kind, "default", "run-1")


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def make_runs(fake_kubernetes: FakeCluster, tmp_path: Path, opened: ExitStack, *, deletes: bool = True) -> Runs:
    kubeconfig = fake_kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
    options = read_options(KubernetesOptions, "tests", {"kubeconfig": kubeconfig})
    registry = opened.enter_context(real_registry(tmp_path / "registry", deletes=deletes))
    layout = opened.enter_context(closing(Layout(tmp_path / "layout")))
    api = opened.enter_context(closing(ClusterApi(lambda: connect(options))))
    base = make_base(layout, tmp_path / "root")
    images = RunImages(layout, base=lambda _: base, wheels=NoWheels(), require_space=plenty)
    return Runs(api, images, Repository(registry.host, "runs"), fake_kubernetes)


@pytest.fixture
def runs(fake_kubernetes: FakeCluster, tmp_path: Path, opened: ExitStack) -> Runs:
    return make_runs(fake_kubernetes, tmp_path, opened)


def test_an_image_that_the_layout_has_dropped_goes_with_the_next_run(runs: Runs) -> None:
    elsewhere = Repository(runs.repository.host, "formerly")
    dropped = runs.pushed(lock("dropped"))
    of_former_setting = runs.pushed(lock("formerly"), runs.host(elsewhere))
    runs.host().prepare(EMPTY_LOCK, log=print)
    kept = runs.images.find(EMPTY_LOCK.digest)
    assert kept is not None
    assert runs.has(kept)
    assert not runs.has(dropped)
    assert not runs.has(of_former_setting, elsewhere)


def test_an_image_that_a_pod_uses_stays_until_the_pod_is_gone(runs: Runs) -> None:
    used = runs.pushed(lock("used"))
    runs.run_pod(used)
    runs.host().prepare(EMPTY_LOCK, log=print)
    assert runs.has(used)

    runs.end_pods()
    runs.host().prepare(EMPTY_LOCK, log=print)
    assert not runs.has(used)


def test_an_image_of_another_installation_stays(runs: Runs) -> None:
    foreign = runs.images.ensure(lock("foreign"), log=print)
    with Registry(runs.repository.host, _ACCESS) as registry:
        push_image(runs.images.layout, foreign.descriptor, runs.repository.tagged(foreign.tag), registry)
    runs.images.layout.remove(foreign.descriptor.digest)
    runs.host().prepare(EMPTY_LOCK, log=print)
    assert runs.has(foreign)


def test_a_registry_that_is_gone_keeps_no_run_from_its_start_and_is_asked_again(tmp_path: Path, runs: Runs) -> None:
    with real_registry(tmp_path / "gone") as gone:
        former = Repository(gone.host, "runs")
        runs.pushed(lock("away"), runs.host(former))
    runs.host().prepare(EMPTY_LOCK, log=print)
    assert len(list((runs.images.layout.root / ".pushed-run-images").iterdir())) == 2


def test_a_registry_that_allows_no_deletion_is_asked_once(
    fake_kubernetes: FakeCluster, tmp_path: Path, opened: ExitStack
) -> None:
    runs = make_runs(fake_kubernetes, tmp_path, opened, deletes=False)
    image = runs.pushed(lock("stays"))
    runs.host().prepare(EMPTY_LOCK, log=print)
    assert runs.has(image)
    assert len(list((runs.images.layout.root / ".pushed-run-images").iterdir())) == 1
