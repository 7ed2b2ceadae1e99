"""Deployments of images: built and pushed before they are applied, pinned by their digest, made again where lost."""

from collections.abc import Callable
from typing import Any

from image_engines import RealRegistry
from image_yard import REGISTRY, ImageYard
from oci_parts import make_root

from modelyard.images.imported_bases import ImportedBases
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


class TestPinning:
    def test_a_pinned_deployment_stays_on_its_image_until_it_is_let_go(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        yard = make_yard(repositories={"pulling": f"{docker_registry.host}/pinned"})
        yard.register()
        deployment_id = deploy(yard, "pulling")["deployment_id"]
        (first,) = yard.images()
        root = make_root(yard.home.parent / "mended")
        (root / "etc" / "issue").write_text("mended")
        ImportedBases(yard.layout).add(root, name="small")
        second = yard.make(target="pulling")
        assert second["digest"] != first["digest"]
        assert self.served(yard, deployment_id) == second["digest"]
        pinned = yard.api.patch(f"/api/v1/deployments/{deployment_id}", json={"image": first["digest"]}).json()
        assert pinned["image_digest"] == first["digest"]
        assert self.served(yard, deployment_id) == first["digest"]
        for image, status in ((first, 409), (second, 200)):
            assert yard.api.delete(f"{REGISTRY}/images/{image['digest']}").status_code == status
        third = yard.make(target="pulling")
        assert self.served(yard, deployment_id) == first["digest"]
        assert yard.api.patch(f"/api/v1/deployments/{deployment_id}", json={"image": None}).status_code == 200
        assert self.served(yard, deployment_id) == third["digest"]

    def test_another_version_ends_the_pin(self, make_yard: MakeYard, docker_registry: RealRegistry) -> None:
        yard = make_yard(repositories={"pulling": f"{docker_registry.host}/pinned-one"})
        for _ in range(2):
            yard.register()
        deployment_id = deploy(yard, "pulling", version=1)["deployment_id"]
        (first,) = yard.images()
        yard.api.patch(f"/api/v1/deployments/{deployment_id}", json={"image": first["digest"]})
        yard.api.patch(f"/api/v1/deployments/{deployment_id}", json={"version": 2})
        yard.work()
        found = yard.api.get(f"/api/v1/deployments/{deployment_id}").json()
        assert (found["model_version"], found["image_digest"]) == (2, None)

    def test_what_it_cannot_be_pinned_to_is_refused(self, yard: ImageYard) -> None:
        yard.register()
        loading, bundles = (deploy(yard, name)["deployment_id"] for name in ("loading", "bundles"))
        digest = yard.images()[0]["digest"]

        def refused(deployment_id: str, **body: object) -> str:
            answer = yard.api.patch(f"/api/v1/deployments/{deployment_id}", json=body)
            assert answer.status_code in {400, 404}, answer.text
            return str(answer.json()["code"])

        assert refused(loading, image=f"sha256:{'0' * 64}") == "image_not_found"
        assert refused(loading, image=digest, replicas=2) == "change_contradictory"
        assert refused(bundles, image=digest) == "image_unsupported"

    @staticmethod
    def served(yard: ImageYard, deployment_id: str) -> str:
        """The digest of the image that the target runs, after a few passes."""
        for _ in range(4):
            yard.settle()
        artifact = yard.pulling.spec(deployment_id, 1).artifact
        assert isinstance(artifact, ImageArtifact)
        return artifact.reference.rpartition("@")[2]
