"""Images of bundles: what is in them, that they are the same everywhere, and how little memory it takes."""

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from oci_parts import make_base, make_bundle, make_image, make_server_wheel, make_wheel, plenty

from modelyard.errors import Conflict, DiskFull, Invalid
from modelyard.oci.archives import LayoutArchives
from modelyard.oci.bundle_layers import bundle_layers, read_bundle
from modelyard.oci.content import REF_NAME
from modelyard.oci.declarations import declared_by_author
from modelyard.oci.export import archive_chunks
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layout import Layout
from modelyard.ports.target import ArtifactAbsent, ImageArtifact

MEBIBYTE = 1024 * 1024
BUILDING = """
import sys
from pathlib import Path
from modelyard.oci.layout import Layout
from oci_parts import make_image
folder = Path(sys.argv[1])
print(make_image(folder, Layout(folder / "layout")).descriptor.digest)
"""
MEASURING = """
import re, sys
from pathlib import Path
from modelyard.oci.bundle_layers import BundleContent, BundleFile, bundle_layers
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layout import Layout
from oci_parts import plenty
def most():
    # The kernel's own figure of this program; that of getrusage begins with what its parent had.
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
folder, layout = Path(sys.argv[1]), Layout(Path(sys.argv[1]) / "layout")
before = most()
file = BundleFile("model/large.bin", sys.argv[2], int(sys.argv[3]))
bundle_layers(LayerCache(folder / "cache", layout.blobs, require_space=plenty), BundleContent(folder, [file], {}, ""))
print(before, most())
"""


def python(script: str, *arguments: str, environment: Mapping[str, str] | None = None, umask: int = 0o022) -> str:
    support = str(Path(__file__).parents[1] / "support")
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": support, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
        umask=umask,
    )
    return result.stdout.strip()


def largest_ingested(folder: Path) -> int:
    """The size of the largest blob that is just being written, while others are given their names."""
    sizes = [0]
    for path in folder.glob("layout/.ingest/*/*"):
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return max(sizes)


class TestTheSameImageEverywhere:
    def test_twice_and_from_other_processes_it_is_the_same_manifest(self, layout: Layout, tmp_path: Path) -> None:
        here = make_image(tmp_path / "here", layout).descriptor.digest
        fresh = Layout(tmp_path / "fresh")
        assert make_image(tmp_path / "again", fresh).descriptor.digest == here
        fresh.close()
        elsewhere = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "4711", "HOME": "/nonexistent"}
        other = python(BUILDING, str(tmp_path / "other"), environment=elsewhere, umask=0o077)
        assert other == str(here)

    def test_no_compression_library_has_a_say_in_its_bytes(
        self, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        base = make_base(layout, tmp_path / "root")
        wheels = [make_wheel(tmp_path, "apple"), make_server_wheel(tmp_path)]
        bundle = make_bundle(tmp_path / "bundle")

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a compressor was used")

        for name in ("compressobj", "compress"):
            monkeypatch.setattr(zlib, name, refuse)
        builder = ImageBuilder(layout, require_space=plenty)
        built = builder.build(
            name="x", base=base, python="3.11", wheels=wheels, bundle=bundle, metadata=ImageMetadata()
        )
        assert layout.blobs.has(built.descriptor)

    def test_a_change_of_any_input_is_another_manifest(self, layout: Layout, tmp_path: Path) -> None:
        one = make_image(tmp_path / "one", layout, version=1).descriptor.digest
        assert make_image(tmp_path / "two", layout, version=2).descriptor.digest != one
        other = make_image(tmp_path / "three", layout, files={"model/model.pkl": b"weights 2"})
        assert other.descriptor.digest != one


class TestWhatIsInAnImage:
    def test_it_says_how_it_is_run_and_what_it_is(self, layout: Layout, tmp_path: Path) -> None:
        built = make_image(tmp_path, layout)
        config = ImageConfig.parse(layout.blobs.document(built.manifest.config))
        assert config.run["User"] == "65532:65532"
        assert config.run["Entrypoint"][:2] == ["/opt/modelyard/bin/modelyard-serve", "/model"]
        assert config.run["ExposedPorts"] == {"8080/tcp": {}}
        assert config.environment["PATH"].startswith("/opt/modelyard/bin:")
        assert config.run["Labels"]["io.modelyard.health.ready"] == "/v2/health/ready"
        assert built.manifest.annotations["org.opencontainers.image.title"] == "my_model"
        assert built.manifest.annotations["org.opencontainers.image.version"] == "1"
        assert built.manifest.annotations["org.opencontainers.image.licenses"] == "Apache-2.0"
        assert config.created == "2026-11-21T10:00:00+00:00"
        assert len(config.diff_ids) == len(built.manifest.layers) == len(config.history)
        assert layout.find("my-model-v1").digest == built.descriptor.digest

    @pytest.mark.parametrize(
        ("metadata", "expected"),
        [
            (
                "{source: 'https://git.example.com/churn', license: MIT OR Apache-2.0}",
                {"source": "https://git.example.com/churn", "licenses": "MIT OR Apache-2.0"},
            ),
            ("{source: 'file:///etc/passwd', license: [MIT]}", {}),
            ("[1]", {}),
            ("{", {}),
        ],
    )
    def test_it_says_what_the_author_of_the_model_declares(
        self, tmp_path: Path, metadata: str, expected: dict[str, str]
    ) -> None:
        bundle = make_bundle(tmp_path, files={"model/MLmodel": f"flavors: {{}}\nmetadata: {metadata}\n".encode()})
        assert declared_by_author(bundle) == expected

    def test_layers_go_from_stable_to_volatile(self, layout: Layout, tmp_path: Path) -> None:
        files = {"model/large.bin": bytes(17 * MEBIBYTE), "model/code/own.py": b"x = 1\n"}
        built = make_image(tmp_path, layout, files=files)
        assert [layer.comment for layer in built.layers] == [
            "environment of /usr/bin/python3.11",
            "apple 1.0",
            "modelyard-serving 0.1.0",
            "model/large.bin",
            "model files",
            "model metadata",
        ]

    def test_of_another_version_only_the_models_layers_are_new(self, layout: Layout, tmp_path: Path) -> None:
        large = {"model/large.bin": bytes(17 * MEBIBYTE)}
        one = make_image(tmp_path, layout, version=1, files={**large, "model/small": b"1"})
        two = make_image(tmp_path, layout, version=2, files={**large, "model/small": b"2"})
        new = {layer.descriptor.digest for layer in two.layers} - {layer.descriptor.digest for layer in one.layers}
        assert {layer.comment for layer in two.layers if layer.descriptor.digest in new} == {
            "model files",
            "model metadata",
        }

    def test_its_layers_stay_while_it_is_named_and_go_with_it(self, layout: Layout, tmp_path: Path) -> None:
        built = make_image(tmp_path, layout)
        assert layout.collect_garbage() == 0
        layout.remove(built.descriptor.digest)
        assert layout.collect_garbage() > 0
        assert [entry.annotations[REF_NAME] for entry in layout.index().manifests] == ["base"]
        assert make_image(tmp_path, layout).descriptor.digest == built.descriptor.digest

    def test_one_with_grpc_listens_for_it(self, layout: Layout, tmp_path: Path) -> None:
        names = ("hpack", "protobuf")
        wheels = [make_server_wheel(tmp_path), *(make_wheel(tmp_path, name) for name in names)]
        built = ImageBuilder(layout, require_space=plenty).build(
            name="x",
            base=make_base(layout, tmp_path / "root"),
            python="3.11",
            wheels=wheels,
            bundle=make_bundle(tmp_path / "bundle"),
            metadata=ImageMetadata(),
        )
        run = ImageConfig.parse(layout.blobs.document(built.manifest.config)).run
        assert run["ExposedPorts"] == {"8080/tcp": {}, "8081/tcp": {}}
        assert run["Entrypoint"][-2:] == ["--grpc-port", "8081"]


class TestRefusals:
    def test_a_layer_that_has_no_space_is_not_begun(self, layout: Layout, tmp_path: Path) -> None:
        def refuse(needed: int) -> None:
            if needed > 1000:
                raise DiskFull(f"{needed} bytes are not there")

        bundle = make_bundle(tmp_path / "bundle", files={"model/a": bytes(2000)})
        cache = LayerCache(layout.root / ".layers", layout.blobs, require_space=refuse)
        with pytest.raises(DiskFull):
            bundle_layers(cache, bundle)
        assert list(layout.blobs.names()) == []

    @pytest.mark.parametrize("damage", ["other", "shorter", "longer", "gone", "link"])
    def test_a_file_that_is_not_the_manifests_is_refused(self, layout: Layout, tmp_path: Path, damage: str) -> None:
        bundle = make_bundle(tmp_path / "bundle", files={"model/a": b"abcd"})
        file = tmp_path / "bundle/model/a"
        if damage == "link":
            file.rename(tmp_path / "abcd")
            file.symlink_to(tmp_path / "abcd")
        elif damage == "gone":
            file.unlink()
        else:
            file.write_bytes({"other": b"abce", "shorter": b"abc", "longer": b"abcde"}[damage])
        with pytest.raises(Conflict, match="model/a: expected the 4 bytes") as refused:
            bundle_layers(LayerCache(layout.root / ".layers", layout.blobs, require_space=plenty), bundle)
        assert refused.value.code == "artifact_changed"

    @pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "model/.wh.a", "model//a"])
    def test_a_path_that_leads_out_of_the_bundle_is_refused(self, tmp_path: Path, path: str) -> None:
        make_bundle(tmp_path / "bundle")
        listed = {"files": {path: {"sha256": "0" * 64, "size": 1}}}
        (tmp_path / "bundle/manifest.json").write_text(json.dumps(listed))
        with pytest.raises(Invalid, match="plain paths"):
            read_bundle(tmp_path / "bundle")

    def test_what_is_no_bundle_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match=r"bundle\.json"):
            read_bundle(tmp_path)


class TestMemoryAndCrashes:
    def test_a_model_of_two_gigabytes_takes_less_than_200_megabytes(self, tmp_path: Path) -> None:
        size = 2 * 1024**3
        (tmp_path / "model").mkdir()
        with (tmp_path / "model/large.bin").open("wb") as file:
            file.truncate(size)
        zeros = "a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51"
        before, after = map(int, python(MEASURING, str(tmp_path), zeros, str(size)).split())
        assert after < 200 * 1024
        assert after - before < 32 * 1024
        layers = list((tmp_path / "layout/blobs/sha256").iterdir())
        assert [layer.stat().st_size > size for layer in layers] == [True]

    def test_a_build_that_is_killed_leaves_nothing_and_the_next_one_ends_well(self, tmp_path: Path) -> None:
        script = BUILDING.replace(
            "make_image(folder,", "make_image(folder, files={'model/l': bytes(200_000_000)}, layout="
        )
        support = str(Path(__file__).parents[1] / "support")
        for delay in (0.0, 0.05):
            with subprocess.Popen(
                [sys.executable, "-c", script, str(tmp_path)],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": support},
                stdout=subprocess.DEVNULL,
            ) as process:
                deadline = time.monotonic() + 60
                while largest_ingested(tmp_path) < MEBIBYTE:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
            assert list(tmp_path.glob("layout/.ingest/*/*"))
        digest = python(script, str(tmp_path))
        layout = Layout(tmp_path / "layout")
        assert list(tmp_path.glob("layout/.ingest/*/*")) == []
        assert str(layout.find("my-model-v1").digest) == digest
        assert layout.collect_garbage() == 0
        layout.close()


class TestArchivesForTargets:
    def test_an_image_is_found_by_the_digest_of_its_reference(self, tmp_path: Path, layout: Layout) -> None:
        image = make_image(tmp_path, layout)
        name = "registry.example.com/models:my-model-v1"
        artifact = ImageArtifact(f"{name}@{image.descriptor.digest}", str(image.manifest.config.digest), name)
        with LayoutArchives(layout).chunks(artifact) as chunks:
            assert b"".join(chunks) == b"".join(archive_chunks(layout, image.descriptor, reference=name))

    def test_one_that_is_not_here_is_absent(self, layout: Layout) -> None:
        artifact = ImageArtifact(f"registry.example.com/models@sha256:{'0' * 64}", "sha256:1", "one:v1")
        with (
            pytest.raises(ArtifactAbsent, match="image 'one:v1' is not on this machine"),
            LayoutArchives(layout).chunks(artifact),
        ):
            pass
