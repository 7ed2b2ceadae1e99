"""The image of runs: made once for each lock, the same everywhere, and without a model."""

import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from container_runs import EMPTY_LOCK, NoWheels
from oci_parts import make_base, make_root, make_wheel, plenty

from modelyard.adapters.runner.agent.exchange import DRIVER_FOLDER
from modelyard.adapters.runner.run_image import RunImage, RunImages
from modelyard.errors import Invalid
from modelyard.oci.base.bases import Base, open_base
from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.environment import LockedWheel
from modelyard.ports.environments import Lock


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with closing(Layout(tmp_path / "layout")) as layout:
        yield layout


@pytest.fixture
def base(layout: Layout, tmp_path: Path) -> Base:
    return make_base(layout, tmp_path / "root")


class OneWheel(NoWheels):
    """The wheels of a lock that names one package."""

    def __init__(self, folder: Path) -> None:
        self.wheel = make_wheel(folder, "apple")
        self.calls = 0

    def wheels(self, *_: object, **__: object) -> Sequence[LockedWheel]:
        self.calls += 1
        return [self.wheel]


def names_in(layout: Layout, image: RunImage) -> set[str]:
    """The paths in all layers of an image."""
    names: set[str] = set()
    for layer in layout.manifest(image.descriptor).layers:
        with tarfile.open(layout.blobs.path(layer.digest)) as archive:
            names.update(archive.getnames())
    return names


class TestRunImages:
    def test_an_image_is_built_once_for_a_lock(self, layout: Layout, base: Base, tmp_path: Path) -> None:
        wheels = OneWheel(tmp_path)
        images = RunImages(layout, base=lambda _: base, wheels=wheels, require_space=plenty)
        assert images.find(EMPTY_LOCK.digest) is None
        first = images.ensure(EMPTY_LOCK, log=print)
        assert images.ensure(EMPTY_LOCK, log=print) == first == images.find(EMPTY_LOCK.digest)
        assert wheels.calls == 1

    def test_for_notebooks_it_has_what_drives_them_in_an_environment_of_its_own(
        self, layout: Layout, base: Base, tmp_path: Path
    ) -> None:
        images = RunImages(layout, base=lambda _: base, wheels=OneWheel(tmp_path), require_space=plenty)
        driver = Lock("# python: 3.11\nnbclient==0.11.0\n", "d" * 64)
        of_scripts = images.ensure(EMPTY_LOCK, log=print)
        of_notebooks = images.ensure(EMPTY_LOCK, driver=driver, log=print)

        assert images.find(EMPTY_LOCK.digest, driver.digest) == of_notebooks != of_scripts
        assert images.find(EMPTY_LOCK.digest) == of_scripts
        names = names_in(layout, of_notebooks)
        for root in ("opt/modelyard", DRIVER_FOLDER):
            assert {f"{root}/bin/python", f"{root}/lib/python3.11/site-packages/apple/__init__.py"} <= names
        assert not [name for name in names_in(layout, of_scripts) if name.startswith(DRIVER_FOLDER)]

    def test_another_base_makes_another_image_in_its_place(self, layout: Layout, base: Base, tmp_path: Path) -> None:
        wheels = OneWheel(tmp_path)
        first = RunImages(layout, base=lambda _: base, wheels=wheels, require_space=plenty).ensure(
            EMPTY_LOCK, log=print
        )
        root = make_root(tmp_path / "mended")
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc" / "release").write_text("mended")
        mended = open_base(layout, import_root_file_system(root, layout, name="mended"))
        images = RunImages(layout, base=lambda _: mended, wheels=wheels, require_space=plenty)
        second = images.ensure(EMPTY_LOCK, log=print)
        assert second != first
        assert layout.manifest(second.descriptor).layers[0] == mended.manifest.layers[0]
        assert images.find(EMPTY_LOCK.digest) == images.ensure(EMPTY_LOCK, log=print) == second

    def test_it_has_the_environment_and_the_agent_and_is_no_root(
        self, layout: Layout, base: Base, tmp_path: Path
    ) -> None:
        images = RunImages(layout, base=lambda _: base, wheels=OneWheel(tmp_path), require_space=plenty)
        manifest = layout.manifest(images.ensure(EMPTY_LOCK, log=print).descriptor)
        config = ImageConfig.parse(layout.blobs.document(manifest.config))
        assert config.run["User"] == "65532:65532"
        assert config.run["Entrypoint"] == ["/opt/modelyard/bin/python", "-I", "/opt/modelyard-agent"]
        comments = [entry.get("comment") for entry in config.history]
        assert comments[-3:] == ["environment of /usr/bin/python3.11", "apple 1.0", "run agent"]

    def test_two_locks_share_the_layers_of_packages_and_agent(self, layout: Layout, base: Base, tmp_path: Path) -> None:
        images = RunImages(layout, base=lambda _: base, wheels=OneWheel(tmp_path), require_space=plenty)
        text = "# python: 3.11\n# another\n"
        other = Lock(text, sha256(text.encode()).hexdigest())
        first, second = (layout.manifest(images.ensure(lock, log=print).descriptor) for lock in (EMPTY_LOCK, other))
        assert [layer.digest for layer in first.layers] == [layer.digest for layer in second.layers]

    def test_images_with_the_agent_of_another_release_are_removed(
        self, layout: Layout, base: Base, tmp_path: Path
    ) -> None:
        images = RunImages(layout, base=lambda _: base, wheels=OneWheel(tmp_path), require_space=plenty)
        known = images.ensure(EMPTY_LOCK, log=print)
        layout.put(known.descriptor, name="run/old-agent")
        other = Lock("# python: 3.11\n# another\n", "2" * 64)
        images.ensure(other, log=print)
        names = {entry.annotations.get("org.opencontainers.image.ref.name") for entry in layout.index().manifests}
        assert "run/old-agent" not in names
        assert images.find(EMPTY_LOCK.digest) is not None
        assert "base" in names

    def test_a_base_without_the_python_of_the_lock_is_refused_before_anything_is_fetched(
        self, layout: Layout, base: Base, tmp_path: Path
    ) -> None:
        wheels = OneWheel(tmp_path)
        images = RunImages(layout, base=lambda _: base, wheels=wheels, require_space=plenty)
        with pytest.raises(Invalid) as refused:
            images.ensure(Lock("# python: 3.13\n", "3" * 64), log=print)
        assert refused.value.code == "base_without_python"
        assert wheels.calls == 0
