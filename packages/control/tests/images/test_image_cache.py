"""The caches of a home: what goes, what stays, and that all of it is made again where it is needed."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from image_engines import RealRegistry
from image_yard import ImageYard
from oci_parts import make_image
from typer.testing import CliRunner

from modelyard.adapters.clock.system import SystemClock
from modelyard.errors import Conflict
from modelyard.images.cache import ImageCache
from modelyard.images.cache_bounds import CacheBounds
from modelyard.oci.blobs import Blobs
from modelyard.oci.layout import Layout
from modelyard_client.cli.app import app

MakeYard = Callable[..., ImageYard]
NOTHING = CacheBounds(max_bytes=0, max_age=timedelta(0))
DAY = 86400.0


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with closing(Layout(tmp_path / "images")) as layout:
        yield layout


def age(path: Path, days: float) -> None:
    then = path.stat().st_mtime - days * DAY
    os.utime(path, (then, then))


def named(layout: Layout, folder: Path, name: str, *, days: float, content: bytes) -> None:
    """An image with a model of its own by this name, which was used so many days ago."""
    version = len(layout.index().manifests)
    image = make_image(folder, layout, version=version, files={"model/w": content})
    old = layout.put(image.descriptor, name=name)
    layout.remove(old.digest, name=f"my-model-v{version}")
    age(layout.blobs.path(old.digest), days)


def cache(layout: Layout, tmp_path: Path, bounds: CacheBounds) -> ImageCache:
    return ImageCache(layout, wheelhouse=tmp_path / "wheelhouse", bounds=bounds, clock=SystemClock())


class TestImageCache:
    def test_old_images_of_runs_and_copied_bases_go_and_others_stay(self, layout: Layout, tmp_path: Path) -> None:
        for name in ("run/old", "base/copied/old", "base/imported/mine", "localhost/models:mine-v1"):
            named(layout, tmp_path, name, days=40, content=name.encode() * 9000)
        named(layout, tmp_path, "run/new", days=2, content=b"new" * 9000)
        before = sum(layout.blobs.size(digest) for digest in layout.blobs.names())
        freed = cache(layout, tmp_path, CacheBounds(max_bytes=10**9, max_age=timedelta(days=30))).prune()
        names = cache(layout, tmp_path, NOTHING).names()
        assert names >= {"base/imported/mine", "localhost/models:mine-v1", "run/new"}
        assert not names & {"run/old", "base/copied/old"}
        assert before - freed == sum(layout.blobs.size(digest) for digest in layout.blobs.names())
        assert freed > 9000

    def test_what_is_in_its_registry_goes_when_it_is_said_to_be_unneeded(self, layout: Layout, tmp_path: Path) -> None:
        for number in (1, 2):
            name = f"example.com/models:mine-v{number}"
            named(layout, tmp_path, name, days=1, content=name.encode() * 9000)
        cache(layout, tmp_path, NOTHING).prune(pushed={"example.com/models:mine-v1"})
        assert "example.com/models:mine-v1" not in cache(layout, tmp_path, NOTHING).names()
        assert "example.com/models:mine-v2" in cache(layout, tmp_path, NOTHING).names()

    def test_records_of_layers_go_with_their_blobs(self, layout: Layout, tmp_path: Path) -> None:
        named(layout, tmp_path, "run/old", days=2, content=b"w" * 9000)
        cache(layout, tmp_path, NOTHING).prune()
        blobs = Blobs(layout.root, lambda: layout.scratch)
        records = [json.loads(path.read_text())["descriptor"]["digest"] for path in layout.root.glob(".layers/*.json")]
        assert not set(records) - {str(digest) for digest in blobs.names()}

    def test_wheels_that_were_used_long_ago_go(self, layout: Layout, tmp_path: Path) -> None:
        for name, days in (("old", 40.0), ("new", 1.0)):
            wheel = tmp_path / "wheelhouse" / name / f"{name}-1.0-py3-none-any.whl"
            wheel.parent.mkdir(parents=True)
            wheel.write_bytes(bytes(100))
            age(wheel, days)
        freed = cache(layout, tmp_path, CacheBounds(max_bytes=10**9, max_age=timedelta(days=30))).prune()
        assert freed == 100
        assert [path.name for path in (tmp_path / "wheelhouse").iterdir()] == ["new"]

    def test_nothing_goes_while_an_image_is_built_or_sent(self, layout: Layout, tmp_path: Path) -> None:
        named(layout, tmp_path, "run/old", days=40, content=b"w")
        with layout.shared_lock(), pytest.raises(Conflict, match="in use"):
            cache(layout, tmp_path, NOTHING).prune()
        assert "run/old" in cache(layout, tmp_path, NOTHING).names()

    def test_the_command_prunes_the_home_of_this_machine(self, tmp_path: Path) -> None:
        wheel = tmp_path / "wheelhouse" / "a" / "a-1.0-py3-none-any.whl"
        wheel.parent.mkdir(parents=True)
        wheel.write_bytes(bytes(100))
        age(wheel, 1)
        done = CliRunner().invoke(
            app, ["images", "prune", "--mb", "0", "--home", str(tmp_path), "--output", "json"], catch_exceptions=False
        )
        assert json.loads(done.stdout) == {"freed_bytes": 100}


class TestPruning:
    def test_a_pushed_image_that_nothing_uses_leaves_this_machine_and_is_built_again_as_it_was(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/pruned", cache_mb=0, cache_days=0)
        for _ in range(2):
            yard.register()
        pushed, local = yard.make(), yard.make(2, push=False)
        for image in (pushed, local):
            then = yard.clock.now().timestamp() - DAY
            os.utime(yard.layout.blobs.path(yard.layout.find(image["image_name"]).digest), (then, then))
        yard.control.deployment_parts.image_pruning.make_pass()
        names = {entry.annotations.get("org.opencontainers.image.ref.name") for entry in yard.layout.index().manifests}
        assert pushed["image_name"] not in names
        assert {local["image_name"], "base/imported/small"} <= names
        assert yard.make()["digest"] == pushed["digest"]
