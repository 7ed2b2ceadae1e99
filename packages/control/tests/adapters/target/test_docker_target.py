"""What is special in the Docker target, on a real dockerd with containers of an image of our own writer."""

import gc
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from balanced_replicas import Load
from container_world import KEPT, ContainerWorld
from image_engines import real_registry

from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.docker import DockerTarget
from modelyard.adapters.target.docker.images import EngineImages
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import push_image
from modelyard.oci.registry.transport import RegistryAccess
from modelyard.ports.target import (
    ArtifactAbsent,
    BundleArtifact,
    ImageArtifact,
    LimitsCpu,
    OffersGpus,
    Resources,
    RunsImages,
    ServerKey,
    ServerSpec,
    ServerState,
    Target,
)

MakeDockerTarget = Callable[..., DockerTarget]
Until = Callable[..., None]
Remove = Callable[[Target, str], None]
MEBIBYTE = 1024 * 1024


@pytest.fixture
def target(make_docker_target: MakeDockerTarget) -> DockerTarget:
    return make_docker_target()


@pytest.fixture
def spec(container_spec: ServerSpec) -> ServerSpec:
    return container_spec


def reconcile(target: Target, spec: ServerSpec) -> ServerState:
    """One pass: apply what is not as it shall be. What it does."""
    seen = target.observe(spec.deployment_id, spec.generation)
    if seen.fingerprint != spec.fingerprint:
        target.apply(spec)
    return seen.state


def is_as_specified(target: Target, spec: ServerSpec) -> bool:
    reconcile(target, spec)
    seen = target.observe(spec.deployment_id, spec.generation)
    return seen.state is ServerState.READY and seen.fingerprint == spec.fingerprint


def inspected(containers: ContainerWorld, name: str) -> Any:
    return json.loads(containers.engine.docker("inspect", name).stdout)[0]


def own_names(containers: ContainerWorld) -> list[str]:
    return sorted(containers.engine.names("modelyard.dev/deployment=d-1"))


class TestContainers:
    def test_a_container_may_do_nothing_but_serve(
        self, target: DockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until
    ) -> None:
        limited = replace(spec, resources=Resources(cpu=0.5, memory_bytes=200 * MEBIBYTE), environment={"A": "b c"})
        until(lambda: is_as_specified(target, limited), seconds=60)
        url = target.observe("d-1", 1).url
        assert url is not None
        assert httpx.get(f"{url}/write/etc/x").text == "Read-only file system"
        assert httpx.get(f"{url}/write/tmp/x").text == "written"
        status = dict(line.split(":\t", 1) for line in httpx.get(f"{url}/status").text.splitlines() if ":\t" in line)
        assert status["Uid"].split() == ["65532"] * 4
        assert (status["NoNewPrivs"], int(status["CapEff"], 16), int(status["CapBnd"], 16)) == ("1", 0, 0)
        environment = httpx.get(f"{url}/environment").text
        assert "'A': 'b c'" in environment
        assert "MODELYARD" not in environment
        arguments = (
            "--allowed-hosts 127.0.0.1 --mlflow-uri http://127.0.0.1:5000 --start-attempts 3 --max-memory-mb 180"
        )
        assert httpx.get(f"{url}/arguments").text.endswith(arguments)
        host = inspected(containers, own_names(containers)[0])["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == 200 * MEBIBYTE
        assert host["CpuQuota"] / host["CpuPeriod"] == 0.5
        assert host["PidsLimit"] == 4096
        assert [one["HostIp"] for ports in host["PortBindings"].values() for one in ports] == ["127.0.0.1"]

    def test_labels_of_the_deployment_never_replace_ours(
        self, target: DockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until
    ) -> None:
        labels = {
            "modelyard.dev/installation": "another",
            "modelyard.dev/generation": "not a number",
            "a b\n=\"'$(x)": "\U0001f642 --privileged\n",
        }
        until(lambda: is_as_specified(target, replace(spec, labels=labels)), seconds=60)
        there = inspected(containers, own_names(containers)[0])["Config"]["Labels"]
        assert there["modelyard.dev/installation"] == "this"
        assert there["modelyard.dev/generation"] == "1"
        assert there["a b\n=\"'$(x)"] == labels["a b\n=\"'$(x)"]

    def test_one_that_takes_too_much_memory_says_so(self, target: DockerTarget, spec: ServerSpec, until: Until) -> None:
        greedy = replace(
            spec, environment={"STAND_IN_MEGABYTES": "300"}, resources=Resources(memory_bytes=64 * MEBIBYTE)
        )
        until(lambda: reconcile(target, greedy) is ServerState.FAILED)
        until(lambda: (target.observe("d-1", 1).reason or "").startswith("OOMKilled"))
        assert target.observe("d-1", 1).reason == "OOMKilled: it took more memory than its limit of 64 MB"

    def test_one_that_ends_is_started_again_and_its_log_says_why(
        self, target: DockerTarget, spec: ServerSpec, until: Until
    ) -> None:
        broken = replace(spec, environment={"STAND_IN_EXIT": "3"})
        until(lambda: reconcile(target, broken) is ServerState.FAILED)
        until(lambda: target.observe("d-1", 1).reason == "it ended with exit code 3")
        until(lambda: target.observe("d-1", 1).replicas[0].restarts > 1)
        assert b"ValueError: the model is broken" in target.read_log("d-1", 1, 0).content


class TestWhatIsNotOurs:
    def test_other_containers_are_not_touched_whatever_they_are_called(
        self, target: DockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until, remove: Remove
    ) -> None:
        run = ("run", "--detach", "--entrypoint", "/usr/bin/python3.11")
        sleep = (KEPT, "-c", "import time; time.sleep(600)")
        until(lambda: is_as_specified(target, spec), seconds=60)
        (name,) = own_names(containers)
        for other in ("stranger", "look-alike"):
            labels = ("--label", "modelyard.dev/deployment=d-1") if other == "look-alike" else ()
            made = containers.engine.docker(*run, "--name", other, *labels, *sleep)
            assert made.returncode == 0, made.stderr
        assert {key.deployment_id for key in target.observe_all()} == {"d-1"}
        remove(target, "d-1")
        assert containers.engine.names() == ["look-alike", "stranger"]
        assert containers.engine.docker(*run, "--name", name, *sleep).returncode == 0
        with pytest.raises(Conflict, match=f"the container '{name}' in the engine is not ours"):
            target.apply(spec)
        assert inspected(containers, name)["State"]["Running"]
        containers.engine.docker("rm", "--force", "stranger", "look-alike", name)

    def test_two_targets_of_one_engine_have_each_its_own_servers(
        self, make_docker_target: MakeDockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until
    ) -> None:
        target, other = make_docker_target(), containers.target("other")
        until(lambda: is_as_specified(target, spec), seconds=60)
        assert other.observe_all() == {}


class TestChanges:
    def test_no_request_is_lost_when_replicas_come_go_and_are_replaced(
        self, target: DockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until
    ) -> None:
        first = replace(spec, environment={"STAND_IN_ANSWER_SECONDS": "0.05"})
        until(lambda: is_as_specified(target, first), seconds=60)
        second = replace(
            first, generation=2, version=2, environment={**first.environment, "STAND_IN_READY_SECONDS": "1"}
        )
        with Load(f"{target.observe('d-1', 1).url}/predict") as load:
            until(lambda: is_as_specified(target, replace(first, replicas=3)), seconds=60)
            until(lambda: is_as_specified(target, first), seconds=60)
            until(lambda: is_as_specified(target, replace(first, labels={"a": "b"})), seconds=60)
            until(lambda: is_as_specified(target, second), seconds=60)

            def is_retired() -> bool:
                target.retire("d-1", 1)
                return ServerKey("d-1", 1) not in target.observe_all()

            until(is_retired, seconds=60)
            time.sleep(0.5)
        assert load.lost == {}
        assert load.answers["200"] > 100

    def test_what_somebody_takes_away_is_made_again(
        self, target: DockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until
    ) -> None:
        two = replace(spec, replicas=2)
        until(lambda: is_as_specified(target, two), seconds=60)
        removed, stopped = own_names(containers)
        containers.engine.docker("rm", "--force", removed)
        containers.engine.docker("stop", "--time", "2", stopped)
        assert target.observe("d-1", 1).fingerprint is None
        until(lambda: is_as_specified(target, two), seconds=60)
        assert own_names(containers) == [removed, stopped]


class TestRestarts:
    def test_another_control_plane_finds_all_and_adopts_it_without_records(
        self, make_docker_target: MakeDockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until
    ) -> None:
        target = make_docker_target()
        until(lambda: is_as_specified(target, spec), seconds=60)
        before = target.observe_all()
        again = make_docker_target()
        assert again.observe_all() == before
        (record,) = containers.home.root.glob("targets/*/d-1/server.json")
        record.unlink()
        assert again.observe("d-1", 1).fingerprint is None
        assert again.observe("d-1", 1).state is ServerState.READY
        again.apply(spec)
        assert again.observe_all() == before

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # The SDK leaks refused sockets.
    def test_an_engine_that_is_killed_breaks_nothing(
        self, target: DockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until
    ) -> None:
        two = replace(spec, replicas=2)
        until(lambda: is_as_specified(target, two), seconds=60)
        url = target.observe("d-1", 1).url
        containers.engine.kill()
        for ask in (target.observe_all, lambda: target.apply(two), lambda: target.remove("d-1")):
            with pytest.raises(Unavailable, match="does not answer"):
                ask()
        gc.collect()
        containers.engine.start()
        until(lambda: is_as_specified(target, two), seconds=60)
        assert target.observe("d-1", 1).url == url
        until(lambda: httpx.get(f"{url}/").text == "1")  # The balancer may not have asked the restarted one yet.
        assert len(own_names(containers)) == 2


class TestImages:
    def test_an_image_goes_with_its_last_container_and_is_loaded_again(
        self, target: DockerTarget, containers: ContainerWorld, spec: ServerSpec, until: Until, remove: Remove
    ) -> None:
        containers.engine.docker("rmi", containers.artifact.name, KEPT)
        until(lambda: is_as_specified(target, spec), seconds=60)
        assert containers.engine.docker("image", "inspect", containers.artifact.name).returncode == 0
        remove(target, "d-1")
        assert containers.engine.docker("image", "inspect", containers.artifact.name).returncode == 1
        until(lambda: is_as_specified(target, spec), seconds=60)
        containers.engine.docker("tag", containers.artifact.name, KEPT)

    def test_an_image_that_is_not_on_this_machine_is_absent(self, target: DockerTarget, spec: ServerSpec) -> None:
        digest = f"sha256:{'0' * 64}"
        absent = ImageArtifact(f"localhost/models@{digest}", digest, "localhost/models:absent")
        with pytest.raises(ArtifactAbsent, match="image 'localhost/models:absent' is not on this machine"):
            target.apply(replace(spec, artifact=absent))

    def test_an_engine_that_pulls_takes_it_from_its_registry_by_digest(
        self,
        make_docker_target: MakeDockerTarget,
        containers: ContainerWorld,
        spec: ServerSpec,
        until: Until,
        remove: Remove,
        tmp_path: Path,
    ) -> None:
        with real_registry(tmp_path / "registry") as server, Registry(server.host, RegistryAccess()) as registry:
            pushed = push_image(
                containers.layout, containers.image, Repository(server.host, "models").tagged("v1"), registry
            ).reference
            artifact = replace(
                containers.artifact,
                reference=f"{pushed.repository}@{pushed.digest}",
                name=f"{pushed.repository}:v1",
            )
            containers.engine.docker("rmi", containers.artifact.name, KEPT)
            target = make_docker_target(images="pull")
            until(lambda: is_as_specified(target, replace(spec, artifact=artifact)), seconds=60)
            assert server.requests("GET")
            containers.engine.docker("tag", containers.artifact.image_id, KEPT)
            remove(target, "d-1")
            assert containers.engine.docker("image", "inspect", artifact.reference).returncode == 1

    def test_one_that_cannot_be_pulled_says_why(self, make_docker_target: MakeDockerTarget, spec: ServerSpec) -> None:
        digest = f"sha256:{'0' * 64}"
        target = make_docker_target(images="pull")
        assert target.pulls
        absent = ImageArtifact(f"127.0.0.1:9/models@{digest}", digest, "127.0.0.1:9/models:v1")
        with pytest.raises(Unavailable, match=r"the image '127.0.0.1:9/models:v1' cannot be pulled: .*refused"):
            target.apply(replace(spec, artifact=absent))

    def test_one_that_runs_as_root_and_a_bundle_are_refused(self, target: DockerTarget, spec: ServerSpec) -> None:
        class RootEngine:
            def image(self, name: str) -> dict[str, Any]:
                return {"Id": name, "Config": {"User": "0:0"}}

        images = EngineImages(RootEngine(), None)  # type: ignore[arg-type]  # As much of it as is called.
        with pytest.raises(Invalid, match="expected an image whose user is not root"):
            images.find(spec.artifact)  # type: ignore[arg-type]  # It is an image.
        with pytest.raises(Invalid, match="this target runs images, got a bundle"):
            target.apply(replace(spec, artifact=BundleArtifact("a/b/1", "0" * 64, "0" * 64)))


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"engin": "x"}, "engin: expected no such field"),
            ({"engine": "http://x"}, "engine: expected `unix:///…` or `tcp://host:port`, got 'http://x'"),
            ({"engine": "tcp://10.0.0.1:2376"}, "tls: expected the files of TLS"),
            ({"publish_host": "0.0.0.0"}, "publish_host: expected one address"),
            ({"balancer_host": "0.0.0.0"}, "url_host: expected the name of this machine"),
            ({"replica_port_first": 3000, "replica_port_last": 2000}, "replica_port_first: expected a port"),
            ({"gpus": 0}, "gpus: expected greater than or equal to 1"),
        ],
    )
    def test_what_is_wrong_is_refused_with_the_name_of_the_target(self, options: dict[str, Any], said: str) -> None:
        context: TargetContext = None  # type: ignore[assignment]  # It is not looked at before the options.
        with pytest.raises(Invalid, match="MODELYARD_TARGETS: the target 'box'") as refused:
            DockerTarget.configured("box", options, context)
        assert said in refused.value.message

    def test_gpus_are_offered_only_where_the_operator_says_that_there_are_some(
        self, make_docker_target: MakeDockerTarget
    ) -> None:
        target, with_gpus = make_docker_target(max_cpu=2), make_docker_target(gpus=1)
        assert isinstance(target, LimitsCpu)
        assert target.most_cpu == 2
        assert isinstance(target, RunsImages)
        assert not isinstance(target, OffersGpus)
        assert isinstance(with_gpus, OffersGpus)
        assert with_gpus.most_gpus == 1

    def test_without_envoy_the_target_is_refused_when_it_is_configured(
        self, make_docker_target: MakeDockerTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.envoy.binary.find_spec", lambda _: None)
        with pytest.raises(Invalid, match="Envoy is not installed"):
            make_docker_target()
