"""Where the base of images comes from does not change them: imported, from a layout on disk, or from a registry."""

from collections.abc import Callable
from pathlib import Path

from image_engines import RealRegistry
from image_yard import REGISTRY, ImageYard
from oci_parts import make_root

from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.content import Descriptor
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import push_image
from modelyard.oci.registry.transport import RegistryAccess

MakeYard = Callable[..., ImageYard]


def other_layout(folder: Path) -> tuple[Layout, Descriptor]:
    """A layout of somebody else's with a base."""
    layout = Layout(folder / "other")
    return layout, import_root_file_system(make_root(folder / "root"), layout, name="python:3.11")


class TestSources:
    def test_a_base_is_copied_from_a_layout_on_disk_once(self, make_yard: MakeYard, tmp_path: Path) -> None:
        layout, base = other_layout(tmp_path)
        layout.close()
        yard = make_yard(has_base=False, base=f"oci:{layout.root}:python:3.11")
        yard.register()
        yard.register(model_pkl=b"others")
        first, second = yard.make(), yard.make(2)
        assert {first["base_digest"], second["base_digest"]} == {str(base.digest)}
        assert "copying the base" in yard.log(first["job_id"])
        assert "copying the base" not in yard.log(second["job_id"])

    def test_a_base_is_pulled_from_a_registry_and_mounted_there(
        self, make_yard: MakeYard, docker_registry: RealRegistry, tmp_path: Path
    ) -> None:
        layout, base = other_layout(tmp_path)
        repository = Repository(docker_registry.host, "bases/python")
        with Registry(docker_registry.host, RegistryAccess()) as registry:
            push_image(layout, base, repository.tagged("3.11"), registry)
        yard = make_yard(
            has_base=False, base=f"{repository}@{base.digest}", repository=f"{docker_registry.host}/on-python"
        )
        yard.register()
        image = yard.make()
        assert (image["state"], image["base_digest"]) == ("pushed", str(base.digest))
        log = yard.log(image["job_id"])
        assert f"fetching the base {repository}@{base.digest}" in log
        assert " 0 were mounted" not in log

    def test_one_that_its_registry_does_not_have_is_named_with_its_setting(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        reference = f"{docker_registry.host}/bases/absent@sha256:{'0' * 64}"
        yard = make_yard(has_base=False, base=reference)
        yard.register()
        job_id = yard.ask()["job_id"]
        yard.work()
        assert yard.job(job_id)["error"]["message"].startswith(f"the base {reference} (MODELYARD_IMAGE_BASE): ")

    def test_a_base_for_another_machine_is_refused(self, make_yard: MakeYard) -> None:
        yard = make_yard(platform="linux/arm64")
        yard.register()
        job_id = yard.ask()["job_id"]
        yard.work()
        assert yard.job(job_id)["error"]["code"] == "platform_unsupported"
        assert "MODELYARD_IMAGE_PLATFORM" in yard.images()[0]["reason"]

    def test_of_several_imported_ones_one_has_to_be_named(self, make_yard: MakeYard, tmp_path: Path) -> None:
        yard = make_yard()
        yard.register()
        import_root_file_system(make_root(tmp_path / "root"), yard.layout, name="base/imported/other")
        answer = yard.api.post(f"{REGISTRY}/models/my_model/versions/1/image")
        assert (answer.status_code, answer.json()["code"]) == (409, "image_base_missing")
        assert "several (other, small)" in answer.json()["error"]
