"""Projects over HTTP and as the service keeps them: streamed, checked, kept for a time, of one tenant only."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.errors import Invalid, NotFound, TooLarge
from modelyard.main import ControlPlane
from modelyard.principals import Principal
from modelyard.projects.service import ProjectService


def tar_of(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def plain(name: str, content: bytes = b"print()") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry, b""


def device(name: str) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.CHRTYPE
    return entry, b""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keep(projects: ProjectService, principal: Principal, content: bytes) -> str:
    with projects.receiving(digest(content)) as (incoming, archive):
        incoming.write(content)
        incoming.flush()
        return projects.keep(principal, digest(content), incoming, archive).sha256


class TestArchives:
    def test_tar_gzip_and_zip_are_unpacked(self, projects: ProjectService, alice: Principal) -> None:
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("src/train.py", "print()")
        tar = tar_of(plain("src/train.py"))

        for content in (tar, gzip.compress(tar), zipped.getvalue()):
            folder = projects.get(alice.tenant_id, keep(projects, alice, content)).folder
            assert (folder / "src" / "train.py").read_text() == "print()"

    @pytest.mark.parametrize(
        "entry",
        [
            plain("../train.py"),
            plain("/tmp/train.py"),
            link("train.py", "/etc/passwd"),
            link("train.py", "/etc/passwd", tarfile.LNKTYPE),
            device("null"),
        ],
    )
    def test_a_hostile_one_is_refused_and_leaves_nothing(
        self, projects: ProjectService, alice: Principal, entry: tuple[tarfile.TarInfo, bytes]
    ) -> None:
        content = tar_of(plain("a.py"), entry)
        with pytest.raises(Invalid) as caught:
            keep(projects, alice, content)

        assert caught.value.code == "archive_invalid"
        with pytest.raises(NotFound):
            projects.get(alice.tenant_id, digest(content))
        assert list(projects._scratch.iterdir()) == []

    def test_one_that_unpacks_to_more_than_allowed_is_refused(self, projects: ProjectService, alice: Principal) -> None:
        with pytest.raises(Invalid, match="more than"):
            keep(projects, alice, gzip.compress(tar_of(plain("zeros", bytes(2 << 20)))))

    def test_one_that_is_no_archive_is_refused(self, projects: ProjectService, alice: Principal) -> None:
        with pytest.raises(Invalid, match="archive"):
            keep(projects, alice, b"print()" * 200)

    def test_other_bytes_than_announced_are_refused(self, projects: ProjectService, alice: Principal) -> None:
        with projects.receiving("0" * 64) as (incoming, archive):
            incoming.write(tar_of(plain("a.py")))
            incoming.flush()
            with pytest.raises(Invalid) as caught:
                projects.keep(alice, "0" * 64, incoming, archive)

        assert caught.value.code == "digest_mismatch"

    @pytest.mark.parametrize("sha256", ["", "../" + "a" * 61, "A" * 64, "a" * 63])
    def test_a_digest_that_is_none_becomes_no_path(
        self, projects: ProjectService, alice: Principal, sha256: str
    ) -> None:
        with pytest.raises(Invalid, match="sha256"):
            projects.get(alice.tenant_id, sha256)


class TestKeeping:
    def test_one_that_is_too_large_is_refused_before_it_is_sent(
        self, projects: ProjectService, alice: Principal
    ) -> None:
        with pytest.raises(TooLarge, match="MODELYARD_PROJECT_MB"):
            projects.announce(alice, "a" * 64, size=2 << 20)

    def test_another_tenants_is_not_there(
        self, projects: ProjectService, alice: Principal, stranger: Principal
    ) -> None:
        sha256 = keep(projects, alice, tar_of(plain("a.py")))

        assert projects.announce(alice, sha256, size=1)
        assert not projects.announce(stranger, sha256, size=1)
        with pytest.raises(NotFound):
            projects.get(stranger.tenant_id, sha256)

    def test_it_goes_when_nobody_has_used_it_for_its_time(
        self, projects: ProjectService, alice: Principal, clock: ManualClock
    ) -> None:
        old = keep(projects, alice, tar_of(plain("a.py")))
        used = keep(projects, alice, tar_of(plain("b.py")))
        clock.sleep(timedelta(days=20).total_seconds())
        projects.get(alice.tenant_id, used)
        clock.sleep(timedelta(days=20).total_seconds())

        assert projects.sweep() == 1
        assert projects.announce(alice, used, size=1)
        assert not projects.announce(alice, old, size=1)


class TestRoutes:
    def test_a_project_is_sent_once_and_trained(
        self, client: TestClient, engine: InlineJobEngine, control_plane: ControlPlane
    ) -> None:
        content = tar_of(plain("train.py"), plain("requirements.txt", b"pandas==3.1.1"))
        sha256 = digest(content)
        announced = {"sha256": sha256, "size_bytes": len(content)}

        assert client.post("/mlops/projects", json=announced).json() == {"project": sha256, "is_stored": False}
        sent = client.put(f"/mlops/projects/{sha256}", content=content)
        assert (sent.status_code, sent.json()) == (201, {"project": sha256, "files": 2})
        assert client.post("/mlops/projects", json=announced).json()["is_stored"] is True
        body = {
            "project": sha256,
            "model_name": "iris",
            "arguments": ["--epochs", "3"],
            "environment": {"A": "b"},
            "secrets": {"KEY": "a secret value"},
            "git": {"commit": "c" * 40, "is_dirty": True},
        }
        accepted = client.post("/mlops/training/upload", json=body)
        assert accepted.status_code == 202, accepted.text
        job = client.get(f"/mlops/jobs/{accepted.json()['job_id']}")
        assert "a secret value" not in job.text
        assert job.json()["source"] == {
            "script_name": "train.py",
            "script_sha256": digest(b"print()"),
            "runner": "local",
            "project": sha256,
            "data": {},
            "arguments": ["--epochs", "3"],
            "parameters": {},
            "environment": {"A": "b"},
            "secrets": ["KEY"],
            "requirements": ["pandas==3.1.1"],
            "constraints": [],
            "requires_python": "",
            "git_commit": "c" * 40,
            "git_is_dirty": True,
        }

    def test_a_body_larger_than_others_may_be_is_streamed(self, client: TestClient) -> None:
        content = tar_of(plain("rows.csv", bytes(9 << 20)))

        assert client.put(f"/mlops/projects/{digest(content)}", content=content).status_code == 201

    def test_one_larger_than_the_limit_is_refused_by_its_declared_length(self, client: TestClient) -> None:
        refused = client.put(f"/mlops/projects/{'a' * 64}", content=b"", headers={"Content-Length": str(1 << 40)})

        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")

    def test_a_project_that_is_not_there_is_a_404_with_what_to_do(self, client: TestClient) -> None:
        refused = client.post("/mlops/deploy", json={"project": "a" * 64, "model_name": "iris"})

        assert (refused.status_code, refused.json()["field"]) == (404, "project")
        assert "PUT /mlops/projects/" in refused.json()["error"]

    @pytest.mark.parametrize("path", ["/mlops/training/upload", "/mlops/deploy"])
    @pytest.mark.parametrize("secrets", [{"A": 31415926}, ["31415926"], "31415926", {"PATH": "31415926"}])
    def test_no_refusal_echoes_a_secret(self, client: TestClient, path: str, secrets: object) -> None:
        body = {"script_name": "a.py", "script_content": "1", "model_name": "a", "secrets": secrets}
        refused = client.post(path, json=body)

        assert refused.status_code == 400
        assert refused.json()["field"].startswith("secrets")
        assert "31415926" not in refused.text

    def test_a_form_takes_arguments_variables_and_secrets(self, client: TestClient) -> None:
        form = {
            "arguments": ["--epochs", "3"],
            "environment": '{"A": "b"}',
            "secrets": '{"KEY": "a secret value"}',
            "requires_python": ">=3.11",
            "constraints": "numpy<3",
        }
        accepted = client.post("/mlops/training/upload", data=form, files={"script": ("train.py", b"print()")})

        source = client.get(f"/mlops/jobs/{accepted.json()['job_id']}").json()["source"]
        assert (source["arguments"], source["environment"], source["secrets"]) == (
            ["--epochs", "3"],
            {"A": "b"},
            ["KEY"],
        )
        assert (source["requires_python"], source["constraints"]) == (">=3.11", ["numpy<3"])

    def test_a_form_with_secrets_that_are_no_json_echoes_none(self, client: TestClient) -> None:
        form, script = {"secrets": "KEY=hunter2"}, {"script": ("train.py", b"print()")}
        refused = client.post("/mlops/training/upload", data=form, files=script)

        assert (refused.status_code, "hunter2" in refused.text) == (400, False)


def test_a_project_that_trained_a_version_stays_after_its_time(
    projects: ProjectService, clock: ManualClock, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed, other = (tar_of(plain("train.py", content)) for content in (b"needed", b"other"))
    for archive in (needed, other):
        keep(projects, alice, archive)
    digest = hashlib.sha256(needed).hexdigest()
    monkeypatch.setattr(projects, "_is_needed", lambda tenant, sha256: (tenant, sha256) == ("default", digest))
    clock.sleep(timedelta(days=31).total_seconds())

    assert projects.sweep() == 1
    assert projects.sweep() == 0
    assert projects.get("default", digest).files == 1
