"""Images in a registry that nobody here wrote: pushed, read by skopeo, deleted, and what a new version sends."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from image_engines import RealRegistry, need, real_registry, run
from image_yard import ALICE, REGISTRY, ImageYard

from modelyard.errors import Unavailable
from modelyard.oci.content import Digest
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.registry.push import Pushed

MakeYard = Callable[..., ImageYard]
MEBIBYTE = 1024 * 1024


def inspect(reference: str, *options: str) -> Any:
    """What skopeo says of an image in a registry."""
    return json.loads(run(need("skopeo"), "inspect", "--tls-verify=false", *options, f"docker://{reference}"))


class TestPushing:
    def test_skopeo_reads_what_a_job_has_pushed(self, make_yard: MakeYard, docker_registry: RealRegistry) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/models")
        yard.register()
        image = yard.make()
        assert (image["state"], image["image_name"]) == ("pushed", f"{docker_registry.host}/models:my-model-v1")
        found = inspect(image["image_name"])
        assert found["Digest"] == image["digest"]
        assert found["Layers"] == [layer["digest"] for layer in image["layers"]]
        assert found["Labels"]["org.opencontainers.image.version"] == "1"
        raw = inspect(f"{docker_registry.host}/models@{image['digest']}", "--raw")
        assert raw["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
        assert yard.actions() == ["image.building", "image.built", "image.pushed"]
        log = yard.log(image["job_id"])
        assert "sent " in log
        assert " bytes; " in log

    def test_its_inventory_and_provenance_are_in_the_registry(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/described")
        yard.register()
        image = yard.make()
        with yard.parts.building._registries.open(docker_registry.host) as registry:
            repository = Repository(docker_registry.host, "described")
            kinds = {one.artifact_type for one in registry.referrers(repository, Digest(image["digest"]))}
        assert kinds == {"application/vnd.cyclonedx+json", "application/vnd.in-toto+json"}

    def test_a_new_version_sends_its_model_and_what_describes_it(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/growing")
        first, second = (bytes([number]) * (17 * MEBIBYTE) for number in (1, 2))
        yard.register(model_pkl=first, big_bin=bytes(17 * MEBIBYTE))
        yard.register(model_pkl=second, big_bin=bytes(17 * MEBIBYTE))
        yard.make()
        before = docker_registry.stored_bytes()
        made = yard.make(2)
        grown = docker_registry.stored_bytes() - before
        assert 17 * MEBIBYTE < grown < 17 * MEBIBYTE + 64 * 1024
        assert yard.log(made["job_id"]).count("while it was written") == 1

    def test_a_built_image_is_pushed_later(self, make_yard: MakeYard, docker_registry: RealRegistry) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/later")
        yard.register()
        built = yard.make(push=False)
        assert built["state"] == "built"
        pushed = yard.make(push=True)
        assert (pushed["state"], pushed["digest"]) == ("pushed", built["digest"])
        assert [one["image_id"] for one in yard.images()] == [pushed["image_id"]]

    def test_each_target_has_the_repository_that_is_configured_for_it(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        yard = make_yard(repositories={"pulling": f"{docker_registry.host}/far"})
        yard.register()
        assert yard.make()["image_name"] == "localhost/modelyard:my-model-v1"
        assert yard.make(target="pulling")["image_name"] == f"{docker_registry.host}/far:my-model-v1"
        assert {one["state"] for one in yard.images()} == {"built", "pushed"}

    def test_a_registry_that_refuses_ends_the_job_with_its_reason(self, make_yard: MakeYard, tmp_path: Path) -> None:
        user = "user:$2y$05$tvNOLpTrMYoXR4AhPQkwD.JSCRBeb6EYqlIgpZTMWiyfxjLkcD0jm\n"
        with real_registry(tmp_path / "closed", htpasswd=user) as closed:
            yard = make_yard(repository=f"{closed.host}/models", docker_config=str(tmp_path / "none"))
            yard.register()
            job_id = yard.ask()["job_id"]
            yard.work()
        (image,) = yard.images()
        assert image["state"] == "failed"
        assert image["digest"] is not None
        assert yard.job(job_id)["error"]["message"] == image["reason"]
        assert closed.host in image["reason"]

    def test_a_registry_that_is_away_delays_the_job(
        self, make_yard: MakeYard, docker_registry: RealRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/delayed")
        yard.register()
        push, states = yard.parts.building.push, list[str]()

        def push_later(reference: Reference, *, log: Callable[[str], None]) -> Pushed:
            states.append(yard.images()[0]["state"])
            if len(states) < 3:
                raise Unavailable("the registry does not answer", code="registry_unavailable")
            return push(reference, log=log)

        monkeypatch.setattr(yard.parts.building, "push", push_later)
        image = yard.make()
        assert image["state"] == "pushed"
        assert states == ["built"] * 3
        log = yard.api.get(f"/mlops/jobs/{image['job_id']}/log").text
        assert log.count("waiting, and then trying again: the registry does not answer\n") == 2
        assert yard.actions() == ["image.building", "image.built", "image.pushed"]


class TestDeleting:
    def test_it_goes_from_the_registry_too(self, make_yard: MakeYard, docker_registry: RealRegistry) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/going")
        yard.register()
        image = yard.make()
        answer = yard.api.delete(f"{REGISTRY}/images/{image['digest']}")
        assert answer.json()["deleted"][0]["is_left_in_registry"] is False
        assert self.digest_there(yard, image) is None
        assert yard.images() == []

    def test_it_goes_from_the_registry_with_its_version(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/with-version")
        yard.register()
        image = yard.make()
        yard.api.delete("/api/v1/modelserving/models/my_model/versions/1", params={"delete_mode": 0})
        yard.work()
        assert self.digest_there(yard, image) is None

    def test_a_registry_that_deletes_nothing_keeps_it_and_the_answer_says_so(
        self, make_yard: MakeYard, tmp_path: Path
    ) -> None:
        with real_registry(tmp_path / "keeping", deletes=False) as keeping:
            yard = make_yard(repository=f"{keeping.host}/models")
            yard.register()
            image = yard.make()
            answer = yard.api.delete(f"{REGISTRY}/images/{image['digest']}")
            assert answer.json() == {"deleted": [{"reference": image["reference"], "is_left_in_registry": True}]}
            assert yard.images() == []
            assert self.digest_there(yard, image) == image["digest"]

    def test_while_the_registry_is_away_nothing_is_forgotten(self, make_yard: MakeYard, tmp_path: Path) -> None:
        with real_registry(tmp_path / "going") as going:
            yard = make_yard(repository=f"{going.host}/models")
            yard.register()
            image = yard.make()
        registries = yard.parts.building._registries
        registries._access = replace(registries._access, attempts=1)
        answer = yard.api.delete(f"{REGISTRY}/images/{image['digest']}")
        assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")
        assert going.host in answer.json()["error"]
        assert yard.images() == [image]
        version = yard.control.registry.version(ALICE, "my_model", 1)
        with pytest.raises(Unavailable, match=going.host):
            yard.control.deployment_parts.image_removal.remove_version(ALICE, version, reason="a test")
        answer = yard.api.delete(f"{REGISTRY}/images/{image['digest']}", params={"leave_unreachable": True})
        assert answer.json() == {"deleted": [{"reference": image["reference"], "is_left_in_registry": True}]}
        assert yard.images() == []

    def test_an_image_that_was_never_pushed_is_deleted_without_its_registry(
        self, make_yard: MakeYard, tmp_path: Path
    ) -> None:
        with real_registry(tmp_path / "going") as going:
            yard = make_yard(repository=f"{going.host}/models")
        yard.register()
        image = yard.make(push=False)
        answer = yard.api.delete(f"{REGISTRY}/images/{image['digest']}")
        assert answer.json() == {"deleted": [{"reference": image["reference"], "is_left_in_registry": False}]}

    def test_the_deletion_of_a_version_ends_although_the_registry_is_gone_for_good(
        self, make_yard: MakeYard, tmp_path: Path
    ) -> None:
        with real_registry(tmp_path / "going") as going:
            yard = make_yard(repository=f"{going.host}/models")
            yard.register()
            image = yard.make()
        registries, deleting = yard.parts.building._registries, yard.control.deletion.deleting
        registries._access = replace(registries._access, attempts=1)
        object.__setattr__(deleting, "registry_wait", timedelta(0))
        answer = yard.api.delete("/api/v1/modelserving/models/my_model/versions/1", params={"delete_mode": 0})
        yard.work()
        assert yard.job(answer.json()["job_id"])["status"] == "succeeded"
        assert f"image {image['reference']} may be left in its registry" in yard.log(answer.json()["job_id"])
        (deleted,) = (one for one in yard.control.audit.entries("default") if one.action == "image.deleted")
        assert deleted.after == {
            "reference": image["reference"],
            "is_left_in_registry": True,
            "model": "models/my_model/versions/1",
        }

    def test_the_deletion_of_a_version_waits_for_the_registry_and_says_so(
        self, make_yard: MakeYard, docker_registry: RealRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        yard = make_yard(repository=f"{docker_registry.host}/waited-for")
        yard.register()
        image = yard.make()
        delete, away = yard.parts.building.delete_from_registry, [1, 2]

        def delete_later(reference: Reference) -> bool:
            if away:
                away.pop()
                raise Unavailable("the registry does not answer", code="registry_unavailable")
            return delete(reference)

        monkeypatch.setattr(yard.parts.building, "delete_from_registry", delete_later)
        answer = yard.api.delete("/api/v1/modelserving/models/my_model/versions/1", params={"delete_mode": 0})
        yard.work()
        assert self.digest_there(yard, image) is None
        assert yard.job(answer.json()["job_id"])["status"] == "succeeded"
        assert yard.log(answer.json()["job_id"]).count("waiting: the registry does not answer") == 2

    @staticmethod
    def digest_there(yard: ImageYard, image: Any) -> str | None:
        host, _, rest = image["image_name"].partition("/")
        name, _, tag = rest.partition(":")
        with yard.parts.building._registries.open(host) as registry:
            found = registry.digest_of(Repository(host, name).tagged(tag))
        return None if found is None else str(found)
