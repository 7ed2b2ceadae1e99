"""A real container of an image of our own: a real dockerd loads it, pulls it and runs it, read-only and not as root.

The base is made of this machine's own Python and libraries, the wheels are the model server's real ones.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from bridged_engine import bridged_engine
from image_engines import need, real_registry, run, wait_for
from machine_base import machine_base
from oci_parts import make_bundle, plenty
from onnx import TensorProto, helper
from ports import find_free_port

from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments import UvEnvironments
from modelyard.adapters.wheels import UvWheels
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.oci.base.bases import Base
from modelyard.oci.composition import BuiltImage
from modelyard.oci.export import export_archive
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import push_image
from modelyard.oci.registry.transport import RegistryAccess
from modelyard.oci.wheels.target import WheelTarget

MLMODEL = """\
flavors:
  onnx: {data: model.onnx, onnx_version: 1.16.0, code: null}
signature:
  inputs: '[{"name": "x", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'
  outputs: '[{"name": "y", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'
"""


def make_graph() -> bytes:
    """A graph that doubles."""
    shape = [None, 2]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "twice",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    layout = Layout(tmp_path_factory.mktemp("layout"))
    yield layout
    layout.close()


@pytest.fixture(scope="module")
def base(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return machine_base(layout, tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def image(layout: Layout, base: Base, tmp_path_factory: pytest.TempPathFactory) -> BuiltImage:
    folder = tmp_path_factory.mktemp("image")
    home = Home(folder / "home")
    environments = UvEnvironments(
        home=home, clock=SystemClock(), lock_ttl_seconds=0, environment=os.environ, isolation=NO_ISOLATION
    )
    lock = environments.lock([], server_extras=["onnx"], log=print)
    target = WheelTarget(base.config.platform, glibc=base.facts.glibc, python="3.11")
    wheels = UvWheels(home=home, folder=folder / "fetched", environment=os.environ).wheels(lock.text, target, log=print)
    bundle = make_bundle(
        folder / "bundle",
        files={"model/MLmodel": MLMODEL.encode(), "model/model.onnx": make_graph()},
        runtime="onnx",
    )
    return ImageBuilder(layout, require_space=plenty).build(
        name="my-model-v1", base=base, python="3.11", wheels=wheels, bundle=bundle, metadata=ImageMetadata(), log=print
    )


def answer_of(docker: list[str], reference: str) -> list[object]:
    """What a container of an image predicts: read-only, without capabilities, on the host's network."""
    port = find_free_port()
    options = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host"]
    name = f"model-{port}"
    run(*docker, "run", "--detach", "--name", name, *options, reference, "--port", str(port))
    try:
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code == 200, what=name)
        assert "65532" in run(*docker, "exec", name, "/opt/modelyard/bin/python", "-c", "import os; print(os.getuid())")
        answer = httpx.post(f"http://127.0.0.1:{port}/predict", json={"inputs": [[1.0, 2.0]]})
        assert answer.status_code == 200, answer.text
        predictions: list[object] = answer.json()["predictions"]
        return predictions
    except BaseException as error:
        logs = subprocess.run([*docker, "logs", name], capture_output=True, text=True, check=False)
        error.add_note(logs.stdout + logs.stderr)
        raise
    finally:
        run(*docker, "rm", "--force", name)


def test_a_real_engine_loads_pulls_and_runs_an_image(layout: Layout, image: BuiltImage, tmp_path: Path) -> None:
    need("docker-registry")
    with bridged_engine() as engine, real_registry(tmp_path / "registry") as server:
        docker = engine.client
        export_archive(layout, image.descriptor, tmp_path / "image.tar", reference="localhost/models:my-model-v1")
        loaded = run(*docker, "load", "--input", str(tmp_path / "image.tar"))
        assert "Loaded image: localhost/models:my-model-v1" in loaded
        seen = json.loads(run(*docker, "image", "inspect", "localhost/models:my-model-v1"))[0]
        assert seen["Config"]["User"] == "65532:65532"
        expected = (2 * np.array([[1.0, 2.0]])).tolist()
        assert np.array(answer_of(docker, "localhost/models:my-model-v1")).reshape(1, 2).tolist() == expected
        repository = Repository(server.host, "models")
        with Registry(server.host, RegistryAccess()) as registry:
            pushed = push_image(layout, image.descriptor, repository.tagged("my-model-v1"), registry)
        run(*docker, "pull", str(repository.at(image.descriptor.digest)))
        pinned = str(repository.at(image.descriptor.digest))
        assert pinned in run(*docker, "image", "inspect", "--format", "{{json .RepoDigests}}", pinned)
        assert pushed.sent > 0
