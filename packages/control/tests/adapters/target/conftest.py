"""A bundle whose environment has the stand-in as its `modelyard-serve`, and local targets of one home."""

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure_world import ARTIFACT, AzureWorld, azure_world
from container_world import ContainerWorld, container_world
from kubernetes_clusters import (
    fake_kubernetes,
    image_spec,
    kubernetes,
    make_kubernetes_target,
    pod_server_image,
    real_kubeconfig,
    real_kubernetes,
)
from ports import find_free_port

from modelyard.adapters.target.aci import AciTarget
from modelyard.adapters.target.bundles import FindBundle, HomeBundles
from modelyard.adapters.target.docker import DockerTarget
from modelyard.adapters.target.local import LocalTarget
from modelyard.bundle_digest import bundle_digest
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.ports.target import BundleArtifact, ServerKey, ServerSpec, Target
from modelyard.supervision.supervisor import Supervisor

__all__ = [
    "fake_kubernetes",
    "image_spec",
    "kubernetes",
    "make_kubernetes_target",
    "pod_server_image",
    "real_kubeconfig",
    "real_kubernetes",
]

Until = Callable[..., None]
MakeTarget = Callable[..., LocalTarget]
MakeDockerTarget = Callable[..., DockerTarget]
MakeAciTarget = Callable[..., AciTarget]
Remove = Callable[[Target, str], None]
Retire = Callable[[Target, str, int], None]


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    supervisor = Supervisor(home)
    yield supervisor
    supervisor.shut_down(timeout_seconds=5)


@pytest.fixture
def artifact(home: Home) -> BundleArtifact:
    """A bundle in the home, with its environment."""
    environment = "e" * 64
    binaries = home.environment(environment) / "bin"
    binaries.mkdir(parents=True)
    command = binaries / "modelyard-serve"
    command.write_text(f"#!{sys.executable}\n" + Path(__file__).with_name("stand_in_server.py").read_text())
    command.chmod(0o755)
    (binaries / "python").symlink_to(Path(sys.executable).resolve())
    bundle = home.bundles / "default" / "iris" / "1"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_text('{"files": {}}')
    return BundleArtifact("default/iris/1", bundle_digest(bundle) or "", environment)


@pytest.fixture
def spec(artifact: BundleArtifact, first_port: int) -> ServerSpec:
    return ServerSpec(
        deployment_id="d-1",
        generation=1,
        model_name="iris",
        version=1,
        artifact=artifact,
        replicas=1,
        namespace="default",
        port=first_port,
    )


@pytest.fixture
def make_target(home: Home, supervisor: Supervisor, first_port: int, remove: Remove) -> Iterator[MakeTarget]:
    """Local targets of one home, whose servers are removed after the test."""
    made: list[LocalTarget] = []

    def make(installation: str = "this", find_bundle: FindBundle | None = None, **options: Any) -> LocalTarget:
        target = LocalTarget(
            home,
            supervisor,
            installation=lambda: installation,
            find_bundle=find_bundle or HomeBundles(home).find,
            ports=range(first_port, first_port + 50),
            **{"isolation": NO_ISOLATION} | options,
        )
        made.append(target)
        return target

    yield make
    for target in made:
        for deployment_id in {key.deployment_id for key in target.observe_all()}:
            remove(target, deployment_id)


@pytest.fixture(scope="session")
def containers() -> Iterator[ContainerWorld]:
    """A dockerd of this process's own; skipped by name where there can be none."""
    with (
        tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as folder,
        container_world(Path(folder), first_port=find_free_port()) as world,
    ):
        yield world


@pytest.fixture
def make_docker_target(
    containers: ContainerWorld, request: pytest.FixtureRequest, remove: Remove
) -> Iterator[MakeDockerTarget]:
    """Docker targets of this test's own name, whose servers are removed after the test."""
    name = f"t-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]}"
    containers.made.clear()
    yield partial(containers.target, name)
    for target in containers.made:
        for deployment_id in {key.deployment_id for key in target.observe_all()}:
            remove(target, deployment_id)
        target.close()


@pytest.fixture(scope="session")
def azure() -> Iterator[AzureWorld]:
    """Azure's resource manager, as tests have it."""
    with (
        tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as folder,
        azure_world(Path(folder), first_port=find_free_port()) as world,
    ):
        yield world


@pytest.fixture
def make_aci_target(azure: AzureWorld, request: pytest.FixtureRequest, remove: Remove) -> Iterator[MakeAciTarget]:
    """Targets of this test's own name, whose servers are removed after the test."""
    name = f"t-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]}"
    azure.made.clear()
    azure.service.puts.clear()
    yield partial(azure.target, name)
    azure.service.refusal, azure.service.throttles = None, False
    for target in azure.made:
        for deployment_id in {key.deployment_id for key in target.observe_all()}:
            remove(target, deployment_id)
        target.close()


@pytest.fixture
def group_spec(spec: ServerSpec) -> ServerSpec:
    """The spec of a server whose artifact is an image of a registry."""
    return replace(spec, artifact=ARTIFACT, port=find_free_port())


@pytest.fixture
def container_spec(containers: ContainerWorld, spec: ServerSpec) -> ServerSpec:
    """The spec of a server whose artifact is an image."""
    return replace(spec, artifact=containers.artifact, port=find_free_port())


GOING_SECONDS = 150
"""A pod has 41 s to end. On a busy node its kubelet misses that a container has ended, and its object then stays until
the next collection, once a minute."""


@pytest.fixture
def remove(until: Until) -> Remove:
    """Removes a deployment's servers, as the reconciler does it: asks until they are gone."""

    def ask_until_gone(target: Target, deployment_id: str) -> None:
        def is_gone() -> bool:
            target.remove(deployment_id)
            return all(key.deployment_id != deployment_id for key in target.observe_all())

        until(is_gone, seconds=GOING_SECONDS)

    return ask_until_gone


@pytest.fixture
def retire(until: Until) -> Retire:
    """Retires one generation, in the same way."""

    def ask_until_gone(target: Target, deployment_id: str, generation: int) -> None:
        def is_gone() -> bool:
            target.retire(deployment_id, generation)
            return ServerKey(deployment_id, generation) not in target.observe_all()

        until(is_gone, seconds=GOING_SECONDS)

    return ask_until_gone
