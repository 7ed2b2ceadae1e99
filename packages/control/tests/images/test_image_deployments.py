"""Deployments of images: built and pushed before they are applied, pinned by their digest, made again where lost."""

from collections.abc import Callable
from typing import Any

from image_engines import RealRegistry
from image_yard import REGISTRY, ImageYard

from modelyard.oci.content import Digest
from modelyard.ports.target import BundleArtifact, ImageArtifact

MakeYard = Callable[..., ImageYard]


def deploy(yard: ImageYard, target: str, **body: Any) -> Any:
    """Ask for a deployment, and work on it until its job ends; the job."""
    wanted = {"model_name": "my_model", "target": target, **body}
    answer = yard.api.post("/api/v1/deployments", json=wanted)
    assert answer.status_code == 202, answer.text
    yard.work()
    job = yard.api.get(f"/mlops/deployments/{answer.json()['job_id']}").json()
    assert job["error"] is None, job["error"]
    return job


class TestDeploying:
    def test_a_target_that_loads_images_gets_one_by_its_digest(self, yard: ImageYard) -> None:
        yard.register()
        job = deploy(yard, "loading")
        assert (job["status"], job["ecr_image"]) == ("deployed", "localhost/modelyard:my-model-v1")
        (image,) = yard.images()
        assert (image["state"], image["job_id"]) == ("built", job["job_id"])
        artifact = yard.loading.spec(job["deployment_id"], 1).artifact
        assert isinstance(artifact, ImageArtifact)
        assert artifact.reference == f"localhost/modelyard@{image['digest']}"
        assert artifact.name == image["image_name"]
        assert "built localhost/modelyard:my-model-v1" in yard.log(job["job_id"])

    def test_a_target_of_bundles_gets_a_bundle_and_no_image_is_built(self, yard: ImageYard) -> None:
        yard.register()
        job = deploy(yard, "bundles")
        target: Any = yard.control.deployment_parts.targets.find("bundles")
        assert isinstance(target.spec(job["deployment_id"], 1).artifact, BundleArtifact)
        assert yard.images() == []

    def test_a_target_that_pulls_gets_what_was_pushed(self, make_yard: MakeYard, docker_registry: RealRegistry) -> None:
        yard = make_yard(repositories={"pulling": f"{docker_registry.host}/deployed"})
        yard.register()
        job = deploy(yard, "pulling")
        assert (job["status"], job["ecr_image"]) == ("deployed", f"{docker_registry.host}/deployed:my-model-v1")
        (image,) = yard.images()
        assert image["state"] == "pushed"
        artifact = yard.pulling.spec(job["deployment_id"], 1).artifact
        assert isinstance(artifact, ImageArtifact)
        assert artifact.reference == f"{docker_registry.host}/deployed@{image['digest']}"

    def test_what_cannot_be_pulled_is_refused_before_anything_begins(self, yard: ImageYard) -> None:
        yard.register()
        answer = yard.api.post("/api/v1/deployments", json={"model_name": "my_model", "target": "pulling"})
        assert (answer.status_code, answer.json()["code"]) == (400, "image_repository_local")
        assert "MODELYARD_IMAGE_REPOSITORY" in answer.json()["error"]

    def test_a_new_version_takes_the_place_of_the_old_one(self, yard: ImageYard) -> None:
        yard.register()
        first = deploy(yard, "loading")
        yard.register(model_pkl=b"other weights")
        second = deploy(yard, "loading", replace=True)
        assert (second["status"], second["deployment_id"]) == ("deployed", first["deployment_id"])
        (image,) = yard.images(version=2)
        artifact = yard.loading.spec(first["deployment_id"], 2).artifact
        assert isinstance(artifact, ImageArtifact)
        assert artifact.reference.endswith(image["digest"])


class TestKeeping:
    def test_an_image_that_a_deployment_uses_is_not_deleted(self, yard: ImageYard) -> None:
        yard.register()
        job = deploy(yard, "loading")
        (image,) = yard.images()
        address = f"{REGISTRY}/images/{image['digest']}"
        answer = yard.api.delete(address)
        assert (answer.status_code, answer.json()["code"]) == (409, "image_in_use")
        assert job["deployment_id"] in answer.json()["error"]
        assert yard.api.delete(f"/api/v1/deployments/{job['deployment_id']}").status_code == 202
        for _ in range(4):
            yard.settle()
        assert yard.api.delete(address).status_code == 200

    def test_one_of_a_version_that_runs_as_a_bundle_is(self, yard: ImageYard) -> None:
        yard.register()
        deploy(yard, "bundles")
        image = yard.make()
        assert yard.api.delete(f"{REGISTRY}/images/{image['digest']}").status_code == 200

    def test_an_image_that_is_lost_is_made_again_when_a_server_needs_it(self, yard: ImageYard) -> None:
        yard.register()
        job = deploy(yard, "loading")
        (image,) = yard.images()
        yard.layout.remove(Digest(image["digest"]))
        yard.loading.vanish(job["deployment_id"])
        yard.settle()
        deployment = yard.api.get(f"/api/v1/deployments/{job['deployment_id']}").json()
        assert "is being built again" in deployment["reason"]
        yard.control.deployment_parts.image_rebuilding.builds.settle(30)
        for _ in range(3):
            yard.settle()
        deployment = yard.api.get(f"/api/v1/deployments/{job['deployment_id']}").json()
        assert (deployment["status"], deployment["reason"]) == ("ready", None)
        (again,) = yard.images()
        assert (again["digest"], again["job_id"]) == (image["digest"], None)
