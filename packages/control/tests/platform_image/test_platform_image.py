"""The image of Modelyard itself, made of its real distributions and of wheels that stand for what they require."""

import gzip
import importlib.metadata
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from oci_parts import make_root, make_wheel
from packaging.requirements import Requirement

from modelyard.errors import Conflict
from modelyard.images.imported_bases import ImportedBases
from modelyard.images.settings import ImageSettings
from modelyard.main.platform_image import PlatformImages
from modelyard.oci.composition import BuiltImage
from modelyard.oci.content import Descriptor
from modelyard.oci.image_config import ImageConfig
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.tracking_server import TrackingServerSettings

NAME = "registry.example.com/modelyard:0.1.0"
EXTRAS = ("", "azure", "kubernetes", "s3")


def quiet(line: str) -> None:
    """A log that nobody reads."""


def requirements() -> Iterator[Requirement]:
    """What our distributions require of others."""
    for name in ("modelyard", "modelyard-client"):
        for text in importlib.metadata.distribution(name).requires or ():
            requirement = Requirement(text)
            is_needed = requirement.marker is None or any(requirement.marker.evaluate({"extra": one}) for one in EXTRAS)
            if is_needed and not requirement.name.startswith("modelyard"):
                yield requirement


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The settings of uv for an index that has these wheels and no others."""
    folder = tmp_path_factory.mktemp("index")
    for requirement in requirements():
        lowest = next(one.version for one in requirement.specifier if one.operator in {">=", "==", "~="})
        make_wheel(folder, requirement.name, lowest)
    config = folder / "uv.toml"
    config.write_text("no-index = true\n")
    return {"UV_CONFIG_FILE": str(config), "UV_FIND_LINKS": str(folder), "UV_CACHE_DIR": str(folder / "cache")}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("root") / "root")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own wheels, which are built once."""
    return tmp_path_factory.mktemp("wheels")


def images(home: Path, index: Mapping[str, str], wheels: Path) -> PlatformImages:
    home.mkdir()
    (home / "wheels").symlink_to(wheels)
    settings = Settings(
        storage=StorageSettings(home=home, disk_floor_mb=0),
        images=ImageSettings(platform="linux/amd64"),
        tracking_server=TrackingServerSettings(),
    )
    return PlatformImages(settings, environment=index)


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, index: Mapping[str, str], wheels: Path, root: Path
) -> Iterator[PlatformImages]:
    images_of = images(tmp_path_factory.mktemp("platform") / "home", index, wheels)
    ImportedBases(images_of.layout).add(root, name="base")
    yield images_of
    images_of.close()


@pytest.fixture(scope="module")
def image(platform: PlatformImages) -> BuiltImage:
    return platform.build(NAME, version="0.1.0", log=quiet)


def files(platform: PlatformImages, layer: Descriptor) -> dict[str, tarfile.TarInfo]:
    path = platform.layout.blobs.path(layer.digest)
    opened = gzip.open if layer.media_type.endswith("gzip") else open
    with opened(path, "rb") as content, tarfile.open(fileobj=content) as archive:
        return {member.name: member for member in archive.getmembers()}


class TestPlatformImage:
    def test_a_container_runs_the_control_plane_as_nobody_in_particular(
        self, platform: PlatformImages, image: BuiltImage
    ) -> None:
        config = ImageConfig.parse(platform.layout.blobs.document(image.manifest.config))
        assert config.run["Entrypoint"] == ["/opt/modelyard/bin/python", "-P", "-m", "modelyard"]
        assert config.run["User"] == "65532:65532"
        assert config.environment["MODELYARD_HOME"] == "/var/lib/modelyard"
        assert config.environment["MODELYARD_HOST"] == "0.0.0.0"

    def test_our_own_code_is_in_layers_of_its_own_above_all_packages(
        self, platform: PlatformImages, image: BuiltImage
    ) -> None:
        layers = [files(platform, layer.descriptor) for layer in image.layers]
        packages = "opt/modelyard/lib/python3.11/site-packages"
        ours = [number for number, names in enumerate(layers) if f"{packages}/modelyard/__main__.py" in names]
        others = [number for number, names in enumerate(layers) if f"{packages}/fastapi/__init__.py" in names]
        assert len(ours) == len(others) == 1
        assert others < ours
        assert f"{packages}/modelyard_client/__init__.py" in layers[ours[0]]
        assert not any(f"{packages}/modelyard_serving/__init__.py" in names for names in layers)

    def test_the_wheels_that_no_index_has_are_where_environments_of_models_look(
        self, platform: PlatformImages, image: BuiltImage
    ) -> None:
        config = ImageConfig.parse(platform.layout.blobs.document(image.manifest.config))
        folder = config.environment["UV_FIND_LINKS"].removeprefix("/")
        found = {
            name for layer in image.layers for name in files(platform, layer.descriptor) if name.startswith(folder)
        }
        assert {name.rpartition("/")[2].partition("-")[0] for name in found if name.endswith(".whl")} == {
            "modelyard",
            "modelyard_client",
            "modelyard_serving",
        }

    def test_the_home_belongs_to_who_runs_it(self, platform: PlatformImages, image: BuiltImage) -> None:
        home = files(platform, image.layers[-1].descriptor)["var/lib/modelyard"]
        assert (home.uid, home.gid, home.mode) == (65532, 65532, 0o700)

    def test_its_inventory_names_what_is_installed(self, platform: PlatformImages, image: BuiltImage) -> None:
        (referrer,) = platform.layout.referrers(image.descriptor.digest)
        (blob,) = platform.layout.manifest(referrer).layers
        names = {one["name"] for one in json.loads(platform.layout.blobs.document(blob))["components"]}
        assert {requirement.name for requirement in requirements()} | {"modelyard", "modelyard-client"} <= names

    def test_it_is_the_same_in_another_home(
        self, image: BuiltImage, tmp_path: Path, index: Mapping[str, str], wheels: Path, root: Path
    ) -> None:
        other = images(tmp_path / "home", index, wheels)
        ImportedBases(other.layout).add(root, name="other")
        assert other.build(NAME, version="0.1.0", log=quiet).descriptor.digest == image.descriptor.digest
        other.close()

    def test_without_a_base_it_says_what_to_do(self, tmp_path: Path, index: Mapping[str, str], wheels: Path) -> None:
        other = images(tmp_path / "home", index, wheels)
        with pytest.raises(Conflict, match="modelyard images base import"):
            other.build(NAME, version="0.1.0", log=quiet)
        other.close()
