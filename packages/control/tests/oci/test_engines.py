"""Images judged by what nobody here wrote: docker-registry, skopeo, umoci."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from image_engines import RealRegistry, need, real_registry, run
from oci_parts import make_image, plenty

from modelyard.errors import Conflict, Invalid
from modelyard.oci.base.bases import open_base
from modelyard.oci.bundle_layers import read_bundle
from modelyard.oci.composition import BuiltImage
from modelyard.oci.content import INDEX, Platform
from modelyard.oci.export import export_archive
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.credentials import DockerCredentials
from modelyard.oci.registry.pull import pull_image
from modelyard.oci.registry.push import blob_uploads, delete_image, push_image
from modelyard.oci.registry.streaming import streamed
from modelyard.oci.registry.transport import RegistryAccess
from modelyard.oci.supply_chain import Origin, attach, inventory, provenance_statement

MEBIBYTE = 1024 * 1024
OF_ALICE = "alice:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
"""Her password is `secret`."""
PUSHING = """
import sys
from pathlib import Path
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Reference
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import push_image
from modelyard.oci.registry.transport import RegistryAccess
layout, reference = Layout(Path(sys.argv[1])), Reference.parse(sys.argv[2])
access = RegistryAccess(chunk_bytes=4 * 1024 * 1024, single_request_bytes=1024 * 1024)
with Registry(reference.repository.host, access) as registry:
    print(push_image(layout, layout.find("my-model-v1"), reference, registry).sent)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def registry(server: RealRegistry) -> Iterator[Registry]:
    with Registry(server.host, RegistryAccess(chunk_bytes=5 * MEBIBYTE, single_request_bytes=5 * MEBIBYTE)) as registry:
        yield registry


@pytest.fixture
def repository(server: RealRegistry, tmp_path: Path) -> Repository:
    """One of the test's own."""
    return Repository(server.host, tmp_path.name.strip("_").replace("__", "_").lower())


def described(layout: Layout, image: BuiltImage, bundle: Path) -> None:
    base = layout.find("base")
    content = read_bundle(bundle)
    statement = provenance_statement(
        image.descriptor, name="x", base=base, lock_text="", wheels=[], bundle=content, origin=Origin(job_id="j-1")
    )
    for document, kind in (
        (inventory(image.descriptor, base=base, wheels=[], bundle=content), "application/vnd.cyclonedx+json"),
        (statement, "application/vnd.in-toto+json"),
    ):
        attach(layout, image.descriptor, document, artifact_type=kind, title="x.json", created=content.created)


class TestPushing:
    def test_what_is_pushed_is_read_by_skopeo_and_pulled_whole(
        self, layout: Layout, tmp_path: Path, registry: Registry, repository: Repository
    ) -> None:
        image = make_image(tmp_path, layout, files={"model/l.bin": os.urandom(17 * MEBIBYTE)})
        pushed = push_image(layout, image.descriptor, repository.tagged("my-model-v1"), registry)
        assert str(pushed.reference) == f"{repository}:my-model-v1@{image.descriptor.digest}"
        assert pushed.sent == image.size - image.descriptor.size
        layout_again = Layout(tmp_path / "fetched")
        found = pull_image(
            pushed.reference, registry, layout_again, platform=Platform("amd64"), name="again", require_space=plenty
        )
        assert layout_again.manifest(found) == image.manifest
        assert open_base(layout_again, found).facts.glibc == "2.36"
        layout_again.close()
        skopeo = need("skopeo")
        seen = json.loads(run(skopeo, "inspect", "--tls-verify=false", f"docker://{repository}:my-model-v1"))
        assert seen["Digest"] == str(image.descriptor.digest)
        assert seen["Labels"]["io.modelyard.model"] == "my_model"
        run(skopeo, "copy", "--src-tls-verify=false", f"docker://{repository}:my-model-v1", f"oci:{tmp_path}/copy:x")

    def test_a_second_version_sends_its_own_layers_only(
        self, layout: Layout, tmp_path: Path, registry: Registry, repository: Repository, server: RealRegistry
    ) -> None:
        files = {"model/shared.bin": os.urandom(17 * MEBIBYTE)}
        one = make_image(tmp_path, layout, version=1, files={**files, "model/w": b"1" * 3000})
        two = make_image(tmp_path, layout, version=2, files={**files, "model/w": b"2" * 3000})
        push_image(layout, one.descriptor, repository.tagged("my-model-v1"), registry)
        before = server.stored_bytes()
        pushed = push_image(layout, two.descriptor, repository.tagged("my-model-v2"), registry)
        own = {"model files", "model metadata"}
        layers = sum(layer.descriptor.size for layer in two.layers if layer.comment in own)
        assert pushed.sent == layers + two.manifest.config.size
        assert server.stored_bytes() - before == pushed.sent + two.descriptor.size
        again = push_image(layout, two.descriptor, repository.tagged("my-model-v2"), registry)
        assert (again.sent, again.mounted) == (0, 0)

    def test_a_large_layer_is_there_before_the_push(
        self, layout: Layout, tmp_path: Path, registry: Registry, repository: Repository
    ) -> None:
        to = blob_uploads(layout, registry, repository)
        image = make_image(
            tmp_path,
            layout,
            files={"model/l.bin": os.urandom(17 * MEBIBYTE)},
            sink=lambda writer: streamed(writer, to, log=lambda _: None),
        )
        (large,) = (layer.descriptor for layer in image.layers if layer.comment == "model/l.bin")
        assert registry.has_blob(repository, large)
        pushed = push_image(layout, image.descriptor, repository.tagged("v1"), registry)
        assert pushed.present == large.size
        skopeo = need("skopeo")
        run(skopeo, "copy", "--src-tls-verify=false", f"docker://{repository}:v1", f"oci:{tmp_path}/copy:x")

    def test_layers_of_another_repository_are_mounted(
        self, layout: Layout, tmp_path: Path, registry: Registry, repository: Repository
    ) -> None:
        image = make_image(tmp_path, layout)
        push_image(layout, image.descriptor, repository.tagged("v1"), registry)
        other = Repository(repository.host, f"{repository.name}-other")
        pushed = push_image(layout, image.descriptor, other.tagged("v1"), registry, mount_from=[repository])
        assert (pushed.sent, pushed.mounted) == (0, image.size - image.descriptor.size)

    def test_what_refers_to_it_is_listed_under_the_fallback_tag_and_deleted_with_it(
        self, layout: Layout, tmp_path: Path, registry: Registry, repository: Repository
    ) -> None:
        image = make_image(tmp_path, layout)
        described(layout, image, tmp_path / "bundle-1")
        for _ in range(2):
            push_image(layout, image.descriptor, repository.tagged("v1"), registry)
        listed = registry.referrers(repository, image.descriptor.digest)
        assert sorted(str(each.artifact_type) for each in listed) == [
            "application/vnd.cyclonedx+json",
            "application/vnd.in-toto+json",
        ]
        tag = f"sha256-{image.descriptor.digest.hex}"
        answer = httpx.get(f"http://{repository.host}/v2/{repository.name}/manifests/{tag}", headers={"Accept": INDEX})
        assert len(answer.json()["manifests"]) == 2
        assert delete_image(registry, repository, image.descriptor.digest)
        assert not delete_image(registry, repository, image.descriptor.digest)
        assert registry.digest_of(repository.tagged("v1")) is None
        assert registry.digest_of(repository.tagged(tag)) is None

    def test_a_push_that_is_killed_is_made_again_and_no_tag_stands_before_its_end(
        self, layout: Layout, tmp_path: Path, repository: Repository, server: RealRegistry
    ) -> None:
        make_image(tmp_path, layout, files={"model/l.bin": os.urandom(60 * MEBIBYTE)})
        command = [sys.executable, "-c", PUSHING, str(layout.root), f"{repository}:my-model-v1"]
        already = len(server.requests("PATCH"))
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while len(server.requests("PATCH")) < already + 8:
                assert process.poll() is None
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGKILL)
        tags = httpx.get(f"http://{server.host}/v2/{repository.name}/tags/list")
        assert tags.status_code == 404 or not tags.json()["tags"]
        sent = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        assert sent >= 60 * MEBIBYTE
        tags = httpx.get(f"http://{server.host}/v2/{repository.name}/tags/list")
        assert tags.json()["tags"] == ["my-model-v1"]


class TestAccess:
    def test_a_user_and_a_password_of_dockers_configuration_are_sent(self, layout: Layout, tmp_path: Path) -> None:
        image = make_image(tmp_path, layout)
        with real_registry(tmp_path / "registry", htpasswd=OF_ALICE) as server:
            reference = Reference.parse(f"{server.host}/models:v1")
            with Registry(server.host, RegistryAccess()) as nobody, pytest.raises(Invalid, match="denies access"):
                push_image(layout, image.descriptor, reference, nobody)
            config = tmp_path / "config.json"
            config.write_text(json.dumps({"auths": {server.host: {"auth": "YWxpY2U6c2VjcmV0"}}}))
            access = RegistryAccess(credentials=DockerCredentials(config, environment={}))
            with Registry(server.host, access) as registry:
                assert push_image(layout, image.descriptor, reference, registry).sent > 0

    def test_a_registry_that_deletes_nothing_says_so(self, layout: Layout, tmp_path: Path) -> None:
        image = make_image(tmp_path, layout)
        with real_registry(tmp_path / "registry", deletes=False) as server:
            reference = Reference.parse(f"{server.host}/models:v1")
            with Registry(server.host, RegistryAccess()) as registry:
                push_image(layout, image.descriptor, reference, registry)
                with pytest.raises(Conflict, match="does not allow deletion of images") as refused:
                    delete_image(registry, reference.repository, image.descriptor.digest)
        assert refused.value.code == "registry_deletion_unsupported"


class TestExports:
    def test_a_layout_is_read_by_skopeo_and_unpacked_by_umoci(self, layout: Layout, tmp_path: Path) -> None:
        skopeo, umoci = need("skopeo"), need("umoci")
        image = make_image(tmp_path, layout, files={"model/a.txt": b"weights"})
        seen = json.loads(run(skopeo, "inspect", f"oci:{layout.root}:my-model-v1"))
        assert seen["Digest"] == str(image.descriptor.digest)
        run(umoci, "unpack", "--rootless", "--image", f"{layout.root}:my-model-v1", str(tmp_path / "unpacked"))
        root = tmp_path / "unpacked/rootfs"
        assert (root / "model/model/a.txt").read_bytes() == b"weights"
        assert (root / "opt/modelyard/bin/modelyard-serve").stat().st_mode & 0o777 == 0o755
        assert (
            (root / "opt/modelyard/lib/python3.11/site-packages/apple/__init__.py").read_text().startswith("__version")
        )
        assert (root / "opt/modelyard/bin/python").readlink() == Path("/usr/bin/python3.11")
        config = json.loads((tmp_path / "unpacked/config.json").read_text())
        assert config["process"]["user"]["uid"] == 65532

    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
    def test_an_archive_is_read_both_ways(self, layout: Layout, tmp_path: Path, form: str) -> None:
        skopeo = need("skopeo")
        image = make_image(tmp_path, layout)
        export_archive(layout, image.descriptor, tmp_path / "image.tar", reference="localhost/models:my-model-v1")
        name = "my-model-v1" if form == "oci-archive" else "localhost/models:my-model-v1"
        source = f"{form}:{tmp_path}/image.tar:{name}"
        run(skopeo, "copy", source, f"oci:{tmp_path}/copied:x")
        config = json.loads(run(skopeo, "inspect", "--config", f"oci:{tmp_path}/copied:x"))
        assert config["config"]["User"] == "65532:65532"
        first = (tmp_path / "image.tar").read_bytes()
        export_archive(layout, image.descriptor, tmp_path / "image.tar", reference="localhost/models:my-model-v1")
        assert (tmp_path / "image.tar").read_bytes() == first
        assert not list(tmp_path.glob(".image.tar*"))

    def test_what_a_killed_export_left_goes_with_the_next(self, layout: Layout, tmp_path: Path) -> None:
        image = make_image(tmp_path, layout)
        half = tmp_path / ".image.tar.part"
        half.mkdir()
        (half / "image.tar").write_bytes(b"half")
        export_archive(layout, image.descriptor, tmp_path / "image.tar", reference="localhost/models:x")
        assert not half.exists()
        with tarfile.open(tmp_path / "image.tar") as archive:
            assert {"oci-layout", "index.json", "manifest.json"} <= set(archive.getnames())
