"""Images over HTTP: a job makes them, they are listed, exported and deleted, and nobody else's are seen."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from datetime import timedelta

from image_yard import MALLORY, REGISTRY, ImageYard

from modelyard.leases.service import Leases
from modelyard.oci.content import REF_NAME

MakeYard = Callable[..., ImageYard]


class TestMaking:
    def test_a_job_makes_the_image_of_a_version(self, yard: ImageYard) -> None:
        yard.register()
        accepted = yard.ask()
        assert accepted["image_name"] == "localhost/modelyard:my-model-v1"
        assert [one["state"] for one in yard.images()] == ["pending"]
        yard.work()
        (image,) = yard.images()
        assert (image["state"], image["reason"]) == ("built", None)
        assert image["reference"] == f"localhost/modelyard:my-model-v1@{image['digest']}"
        assert image["size"] > sum(layer["size"] for layer in image["layers"])
        assert image["layers"][0]["comment"] == "base"
        job = yard.job(accepted["job_id"])
        assert (job["status"], job["kind"], job["model_version"]) == ("succeeded", "image", "1")
        assert "the image has" in yard.log(accepted["job_id"])
        assert yard.actions() == ["image.building", "image.built"]

    def test_the_layout_has_it_with_its_inventory_and_provenance(self, yard: ImageYard) -> None:
        yard.register()
        image = yard.make()
        found = yard.layout.find("localhost/modelyard:my-model-v1")
        assert str(found.digest) == image["digest"]
        documents = [
            json.loads(yard.layout.blobs.document(yard.layout.manifest(one).layers[0]))
            for one in yard.layout.referrers(found.digest)
        ]
        assert {one.get("bomFormat") or one["predicateType"] for one in documents} == {
            "CycloneDX",
            "https://slsa.dev/provenance/v1",
        }
        statement = next(one for one in documents if "predicate" in one)
        version = yard.api.get(f"{REGISTRY}/models/my_model/versions/1").json()
        parameters = statement["predicate"]["buildDefinition"]["externalParameters"]
        assert parameters == {"model": "my_model", "version": "1", "run": version["run_id"]}
        inputs = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        assert {"base", "bundle", "lock", "version"} <= {one.get("name") for one in inputs}

    def test_made_again_it_is_the_same_image_and_listed_once(self, yard: ImageYard) -> None:
        yard.register()
        first = yard.make()
        second = yard.make()
        assert second["digest"] == first["digest"]
        assert [one["image_id"] for one in yard.images()] == [second["image_id"]]

    def test_whoever_empties_the_cache_of_layers_breaks_nothing(self, yard: ImageYard) -> None:
        yard.register()
        first = yard.make()
        shutil.rmtree(yard.layout.root / ".layers")
        assert yard.make()["digest"] == first["digest"]

    def test_a_version_shows_its_image_on_every_surface(self, yard: ImageYard) -> None:
        yard.register()
        served = "/api/v1/modelserving/models/my_model/versions/1"
        assert yard.api.get(served).json()["image_name"] is None
        image = yard.make()
        assert yard.api.get(served).json()["image_name"] == image["reference"]
        (listed,) = yard.api.get(f"{REGISTRY}/images", params={"state": "built"}).json()["images"]
        assert listed == image
        for key in (image["image_id"], image["digest"]):
            assert yard.api.get(f"{REGISTRY}/images/{key}").json() == image

    def test_the_same_request_with_the_same_key_is_the_same_job(self, yard: ImageYard) -> None:
        yard.register()
        url, key = f"{REGISTRY}/models/my_model/versions/1/image", {"Idempotency-Key": "once"}
        jobs = {yard.api.post(url, headers=key).json()["job_id"] for _ in range(2)}
        assert len(jobs) == 1
        assert len(yard.images()) == 1

    def test_models_of_two_tenants_never_meet(self, yard: ImageYard) -> None:
        yard.register()
        yard.register(owner=MALLORY)
        ours = yard.make()
        owner_of_theirs = yard.control.registry.version(MALLORY, "my_model", 1)
        repository = yard.parts.images.repositories.of("elsewhere")
        theirs = yard.parts.making.restore(MALLORY, owner_of_theirs, repository, log=lambda _: None)
        assert theirs.name == "localhost/modelyard/elsewhere:my-model-v1"
        names = {entry.annotations.get(REF_NAME) for entry in yard.layout.index().manifests}
        assert {ours["image_name"], theirs.name} <= names
        assert [one["image_id"] for one in yard.images()] == [ours["image_id"]]
        assert yard.api.get(f"{REGISTRY}/images/{theirs.image_id}").status_code == 404
        assert yard.parts.images.page(MALLORY).items == [theirs]


class TestRefusals:
    def test_without_a_base_it_says_what_to_do(self, make_yard: MakeYard) -> None:
        yard = make_yard(has_base=False)
        yard.register()
        answer = yard.api.post(f"{REGISTRY}/models/my_model/versions/1/image")
        assert (answer.status_code, answer.json()["code"]) == (409, "image_base_missing")
        assert "modelyard images base import" in answer.json()["error"]
        assert "MODELYARD_IMAGE_BASE" in answer.json()["error"]

    def test_a_base_that_was_not_imported_is_named(self, make_yard: MakeYard) -> None:
        yard = make_yard(base="large")
        yard.register()
        answer = yard.api.post(f"{REGISTRY}/models/my_model/versions/1/image")
        assert (answer.status_code, answer.json()["code"]) == (409, "image_base_missing")
        assert "'large'" in answer.json()["error"]
        assert "small" in answer.json()["error"]

    def test_where_there_is_no_registry_nothing_is_pushed(self, yard: ImageYard) -> None:
        yard.register()
        answer = yard.api.post(f"{REGISTRY}/models/my_model/versions/1/image", json={"push": True})
        assert (answer.status_code, answer.json()["code"]) == (400, "image_repository_local")
        assert answer.json()["field"] == "push"

    def test_a_target_that_is_not_configured(self, yard: ImageYard) -> None:
        yard.register()
        answer = yard.api.post(f"{REGISTRY}/models/my_model/versions/1/image", json={"target": "moon"})
        assert (answer.status_code, answer.json()["code"]) == (400, "target_unknown")

    def test_a_version_that_is_not_there(self, yard: ImageYard) -> None:
        assert yard.api.post(f"{REGISTRY}/models/my_model/versions/1/image").status_code == 404

    def test_an_image_that_is_not_there(self, yard: ImageYard) -> None:
        for key in ("img-1", "sha256:" + "0" * 64, "..%2f"):
            assert yard.api.get(f"{REGISTRY}/images/{key}").status_code == 404
        assert yard.api.delete(f"{REGISTRY}/images/sha256:{'0' * 64}").status_code == 404
        answer = yard.api.delete(f"{REGISTRY}/images/latest")
        assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")


class TestFailing:
    def test_an_image_that_cannot_be_built_says_why(self, yard: ImageYard) -> None:
        yard.register(requirements_txt=b"scikit-learn==1.5.0\nsource-only==1.0\n")
        job_id = yard.ask()["job_id"]
        yard.work()
        (image,) = yard.images()
        assert image["state"] == "failed"
        assert "source-only==1.0" in image["reason"]
        assert yard.job(job_id)["error"]["code"] == "wheel_missing"
        assert yard.actions() == ["image.building", "image.failed"]

    def test_the_image_of_a_job_that_is_cancelled_fails(self, yard: ImageYard) -> None:
        yard.register()
        job_id = yard.ask()["job_id"]
        assert yard.api.post(f"/mlops/jobs/{job_id}/cancel").status_code == 202
        yard.work()
        (image,) = yard.images()
        assert image["state"] == "failed"

    def test_the_next_attempt_takes_the_place_of_one_that_failed(self, make_yard: MakeYard) -> None:
        yard = make_yard()
        yard.register()
        job_id = yard.ask()["job_id"]
        yard.api.post(f"/mlops/jobs/{job_id}/cancel")
        yard.work()
        made = yard.make()
        assert [one["image_id"] for one in yard.images()] == [made["image_id"]]


class TestTwoControlPlanes:
    def test_they_do_not_make_the_images_of_a_version_at_once(self, yard: ImageYard) -> None:
        yard.register()
        image = yard.make()
        other = Leases(
            database=yard.control.database, clock=yard.clock, holder="the other one", lasts=timedelta(seconds=600)
        )
        lease = other.claim("image/default/models/my_model/versions/1")
        assert lease is not None
        answer = yard.api.delete(f"{REGISTRY}/images/{image['digest']}")
        assert (answer.status_code, answer.json()["code"]) == (409, "image_busy")
        begun = yard.clock.now()
        states = set()

        def look() -> None:
            states.add(tuple(sorted(one["state"] for one in yard.images())))
            if yard.clock.now() - begun > timedelta(seconds=2):
                other.release(lease)

        yard.clock.meanwhile = look
        yard.make()
        assert states == {("built", "pending")}
        assert yard.clock.now() - begun > timedelta(seconds=2)


class TestDeleting:
    def test_it_goes_by_its_digest_and_the_layout_is_swept(self, yard: ImageYard) -> None:
        yard.register()
        image = yard.make()
        answer = yard.api.delete(f"{REGISTRY}/images/{image['digest']}", params={"reason": "a test"})
        assert answer.json() == {"deleted": [{"reference": image["reference"], "is_left_in_registry": False}]}
        assert yard.images() == []
        yard.control.deployment_parts.image_removal.make_pass()
        assert [one.annotations[REF_NAME] for one in yard.layout.index().manifests] == ["base/imported/small"]
        assert set(yard.layout.blobs.names()) == yard.layout.reachable()
        assert yard.actions()[-1] == "image.deleted"

    def test_a_sweep_takes_nothing_that_is_used(self, yard: ImageYard) -> None:
        yard.register()
        image = yard.make()
        yard.control.deployment_parts.image_removal.make_pass()
        assert yard.parts.building.has(image["image_name"], image["digest"])
        assert len(yard.layout.referrers(yard.layout.find(image["image_name"]).digest)) == 2

    def test_it_goes_with_its_version(self, yard: ImageYard) -> None:
        yard.register()
        image = yard.make()
        version = "/api/v1/modelserving/models/my_model/versions/1"
        plan = yard.api.delete(version, params={"delete_mode": 0, "dry_run": True}).json()
        assert image["reference"] in {one["name"] for one in plan["removes"] if one["kind"] == "image"}
        assert yard.api.delete(version, params={"delete_mode": 0}).status_code == 202
        yard.work()
        assert yard.api.get(version).status_code == 404
        assert yard.api.get(f"{REGISTRY}/images").json()["images"] == []
        assert not yard.parts.building.has(image["image_name"], image["digest"])

    def test_an_attempt_that_failed_goes_by_its_id(self, yard: ImageYard) -> None:
        yard.register(requirements_txt=b"source-only==1.0\n")
        yard.ask()
        yard.work()
        (failed,) = yard.images()
        assert yard.api.delete(f"{REGISTRY}/images/{failed['image_id']}").status_code == 200
        assert yard.images() == []


class TestExporting:
    def test_the_archive_is_what_engines_load(self, yard: ImageYard) -> None:
        yard.register()
        image = yard.make()
        answer = yard.api.get(f"{REGISTRY}/images/{image['digest']}/archive")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-tar")
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            names = archive.getnames()
            loaded = json.loads(archive.extractfile("manifest.json").read())  # type: ignore[union-attr]
        assert {"oci-layout", "index.json", "manifest.json"} <= set(names)
        assert loaded[0]["RepoTags"] == [image["image_name"]]

    def test_one_that_was_not_built_has_none(self, yard: ImageYard) -> None:
        yard.register()
        yard.ask()
        (image,) = yard.images()
        answer = yard.api.get(f"{REGISTRY}/images/{image['image_id']}/archive")
        assert (answer.status_code, answer.json()["code"]) == (404, "image_not_here")
