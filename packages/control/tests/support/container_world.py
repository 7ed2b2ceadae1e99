"""Docker targets on an engine of their own, with an image of the stand-in server."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridged_engine import BridgedEngine, bridged_engine
from machine_base import machine_base
from oci_parts import make_bundle, make_wheel, plenty

from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.docker import DockerTarget
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.oci.archives import LayoutArchives
from modelyard.oci.composition import BuiltImage
from modelyard.oci.content import Descriptor
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layout import Layout
from modelyard.ports.target import ImageArtifact
from modelyard.supervision.supervisor import Supervisor

KEPT = "localhost/kept:1"
"""A name that keeps the image in the engine."""
_SERVER = Path(__file__).with_name("stand_in_container.py")


@dataclass
class ContainerWorld:
    """One engine, one home with its supervisor and balancer, one image; a name for each target."""

    engine: BridgedEngine
    home: Home
    layout: Layout
    image: Descriptor
    artifact: ImageArtifact
    first_port: int
    made: list[DockerTarget] = field(default_factory=list)

    def keep_image(self, archive: Path) -> None:
        """Load the image under another name as well, so that targets find it as long as it has that."""
        with archive.open("wb") as file, LayoutArchives(self.layout).chunks(self.artifact) as chunks:
            file.writelines(chunks)
        loaded = self.engine.docker("load", "--input", str(archive))
        assert loaded.returncode == 0, loaded.stderr
        self.engine.docker("tag", self.artifact.name, KEPT)

    def target(self, name: str, *, installation: str = "this", **options: Any) -> DockerTarget:
        """A Docker target, as the settings would make it."""
        context = TargetContext(
            home=self.home,
            installation=lambda: installation,
            isolation=NO_ISOLATION,
            server_settings={"mlflow_uri": "http://127.0.0.1:5000", "allowed_hosts": None},
            replica_memory_bytes=256 * 1024 * 1024,
            server_ports=range(self.first_port, self.first_port + 50),
            images=LayoutArchives(self.layout),
        )
        target = DockerTarget.configured(name, {"engine": self.engine.address} | options, context)
        self.made.append(target)
        return target


@contextmanager
def container_world(folder: Path, *, first_port: int) -> Iterator[ContainerWorld]:
    """The folder's path is short, for unix sockets."""
    home = Home(folder / "home")
    home.make()
    supervisor = Supervisor(home)
    with closing(Layout(home.images)) as layout, bridged_engine() as engine:
        image = build_stand_in(layout, folder)
        artifact = image_artifact(image, name="localhost/models:stand-in-v1")
        try:
            world = ContainerWorld(engine, home, layout, image.descriptor, artifact, first_port)
            world.keep_image(folder / "image.tar")
            yield world
        finally:
            supervisor.shut_down(timeout_seconds=10)


def build_stand_in(layout: Layout, folder: Path, *, version: int = 1) -> BuiltImage:
    """An image whose server is the stand-in."""
    wheels = folder / "wheels"
    wheels.mkdir(exist_ok=True)
    server = make_wheel(
        wheels,
        "modelyard-serving",
        "0.1.0",
        files={"modelyard_serving/__init__.py": b"", "modelyard_serving/cli.py": _SERVER.read_bytes()},
        scripts={"modelyard-serve": "modelyard_serving.cli:main"},
    )
    return ImageBuilder(layout, require_space=plenty).build(
        name=f"stand-in-v{version}",
        base=machine_base(layout, folder / "root"),
        python="3.11",
        wheels=[server],
        bundle=make_bundle(folder / f"bundle-{version}", version=version),
        metadata=ImageMetadata(),
    )


def image_artifact(image: BuiltImage, *, name: str) -> ImageArtifact:
    """As a spec names it."""
    repository = name.rpartition(":")[0]
    return ImageArtifact(
        reference=f"{repository}@{image.descriptor.digest}", image_id=str(image.manifest.config.digest), name=name
    )
