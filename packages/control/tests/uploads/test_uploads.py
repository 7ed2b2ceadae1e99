"""Uploads from the first piece to the version, over HTTP and across crashes."""

import base64
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from access_platform import Platform
from httpx import Client
from uploading import ROOT, begin, kept, model_tar, send, upload

from modelyard.errors import Conflict
from modelyard.principals import Principal, Role
from modelyard.uploads.pieces import Pieces
from modelyard.uploads.settings import UploadSettings

ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "home", uploads=UploadSettings(mb=1)) as platform:
        yield platform


@pytest.fixture
def owner(platform: Platform) -> Client:
    return platform.operator


class TestPieces:
    def test_they_come_one_after_the_other_and_the_offset_is_reported(self, owner: Client) -> None:
        content = model_tar()
        upload_id = begin(owner, content).json()["upload_id"]
        for offset in range(0, len(content), 3000):
            answer = send(owner, upload_id, content[offset : offset + 3000], offset)
            expected = min(offset + 3000, len(content))
            assert (answer.status_code, answer.headers["upload-offset"]) == (200, str(expected))
        assert owner.get(f"{ROOT}/{upload_id}").json()["received_bytes"] == len(content)

    def test_a_piece_that_is_not_the_next_is_refused_with_where_the_upload_stands(self, owner: Client) -> None:
        content = model_tar()
        upload_id = begin(owner, content).json()["upload_id"]
        send(owner, upload_id, content[:1000], 0)
        for offset in (0, 999, 1001):
            answer = send(owner, upload_id, b"x", offset)
            assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch")
            assert "expected 1000" in answer.json()["error"]

    def test_a_piece_is_what_its_sender_hashed_or_not_taken(self, owner: Client) -> None:
        upload_id = begin(owner, model_tar()).json()["upload_id"]
        right = "sha256 " + base64.b64encode(sha256(b"piece").digest()).decode()
        spoilt = send(owner, upload_id, b"qiece", 0, **{"Upload-Checksum": right})
        assert (spoilt.status_code, spoilt.json()["code"]) == (400, "checksum_mismatch")
        for odd in ("sha1 abc", "sha256 abc", "sha256 " + base64.b64encode(b"short").decode()):
            refused = send(owner, upload_id, b"piece", 0, **{"Upload-Checksum": odd})
            assert (refused.status_code, refused.json()["code"]) == (400, "checksum_invalid")
        assert send(owner, upload_id, b"piece", 0, **{"Upload-Checksum": right}).headers["upload-offset"] == "5"

    def test_more_than_was_declared_is_refused(self, owner: Client) -> None:
        content = model_tar()
        upload_id = begin(owner, content).json()["upload_id"]
        answer = send(owner, upload_id, content + b"x", 0)
        assert (answer.status_code, answer.json()["code"]) == (400, "upload_overrun")

    def test_the_same_upload_is_gone_on_with(self, owner: Client) -> None:
        content = model_tar()
        first = begin(owner, content).json()
        send(owner, first["upload_id"], content[:10], 0)
        again = begin(owner, content).json()
        assert (again["upload_id"], again["received_bytes"]) == (first["upload_id"], 10)
        assert begin(owner, content, tags={"other": "1"}).json()["upload_id"] != first["upload_id"]

    def test_what_a_killed_server_wrote_beyond_the_reported_offset_is_written_anew(
        self, owner: Client, platform: Platform
    ) -> None:
        content = model_tar()
        upload_id = begin(owner, content).json()["upload_id"]
        send(owner, upload_id, content[:100], 0)
        file = platform.control._settings.storage.places.uploads / upload_id / "file"
        file.write_bytes(content[:100] + b"half a piece that was not acknowledged")
        send(owner, upload_id, content[100:], 100)
        assert file.read_bytes() == content

    def test_one_writes_at_a_time(self, tmp_path: Path) -> None:
        first, second = Pieces(tmp_path / "up"), Pieces(tmp_path / "up")
        with first.alone(), pytest.raises(Conflict, match="just being written"), second.alone():
            pass
        with second.alone():
            second.write(b"x", offset=0)


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"file_name": "../model.tar"}, "file_name"),
            ({"file_name": "model.exe"}, "file_name"),
            ({"file_name": "model.pkl"}, "requirements"),
            ({"name": "no:name"}, "name"),
            ({"sha256": "abc"}, "sha256"),
            ({"size_bytes": 0}, "size_bytes"),
            ({"size_bytes": 1024 * 1024 + 1}, "size_bytes"),
            ({"unknown": 1}, "unknown"),
        ],
    )
    def test_what_cannot_become_a_version_is_refused_before_a_byte_is_sent(
        self, owner: Client, body: dict[str, Any], field: str
    ) -> None:
        answer = begin(owner, b"x", **body)
        assert (answer.status_code in {400, 413}, answer.json()["field"]) == (True, field)

    def test_a_tenants_quota_counts_what_its_open_uploads_may_come_to_take(self, platform: Platform) -> None:
        acme = platform.tenant("acme", quotas={"upload_bytes": 25_000})
        content = model_tar()
        first = begin(acme, content).json()["upload_id"]
        begin(acme, content, tags={"n": "2"})
        full = begin(acme, content, tags={"n": "3"})
        assert (full.status_code, full.json()["code"]) == (409, "quota_exceeded")
        assert acme.delete(f"{ROOT}/{first}").json()["status"] == "closed"
        assert begin(acme, content, tags={"n": "3"}).status_code == 201

    def test_an_upload_that_nobody_goes_on_with_is_given_up(self, owner: Client, platform: Platform) -> None:
        content = model_tar()
        upload_id = begin(owner, content).json()["upload_id"]
        send(owner, upload_id, content[:10], 0)
        platform.clock.sleep(25 * 3600)
        late = send(owner, upload_id, content[10:], 10)
        assert (late.status_code, late.json()["code"]) == (409, "upload_not_open")
        assert platform.control.uploads.sweep() == 1
        assert kept(platform) == []
        assert begin(owner, content).json()["upload_id"] != upload_id

    def test_a_whole_one_whose_time_is_over_is_not_submitted_before_it_is_swept(
        self, owner: Client, platform: Platform
    ) -> None:
        upload_id = upload(owner, model_tar())
        platform.clock.sleep(25 * 3600)
        late = owner.post(f"{ROOT}/{upload_id}/finish")
        assert (late.status_code, late.json()["code"]) == (409, "upload_not_open")
        assert late.json()["error"].endswith("it is expired")
        assert platform.control.uploads.sweep() == 1
        assert platform.engine.run_next() is None

    def test_bytes_of_an_upload_whose_server_died_while_closing_it_go_at_the_next_start(
        self, owner: Client, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = model_tar()
        closed, kept_open = (begin(owner, content, tags={"n": number}).json()["upload_id"] for number in "12")
        for upload_id in (closed, kept_open):
            send(owner, upload_id, content[:10], 0)
        with monkeypatch.context() as dying:
            dying.setattr(Pieces, "remove", lambda _: None)
            owner.delete(f"{ROOT}/{closed}")
        workplace = platform.control._settings.storage.places.uploads / f"{closed}.work"
        workplace.mkdir()
        assert kept(platform) == sorted([closed, f"{closed}.work", kept_open])
        assert platform.control.uploads.sweep_folder() == 2
        assert kept(platform) == [kept_open]
        assert send(owner, kept_open, content[10:], 10).status_code == 200


class TestFinish:
    def test_the_file_becomes_the_next_version(self, owner: Client, platform: Platform) -> None:
        upload_id = upload(
            owner,
            model_tar(),
            tags={"team": "growth"},
            metrics={"auc": 0.9},
            parameters={"depth": "3"},
            description="d",
        )
        accepted = owner.post(f"{ROOT}/{upload_id}/finish")
        assert accepted.status_code == 202
        assert owner.post(f"{ROOT}/{upload_id}/finish").json()["job_id"] == accepted.json()["job_id"]
        platform.engine.run_next()
        job = owner.get(f"/mlops/jobs/{accepted.json()['job_id']}").json()
        assert (job["status"], job["model_version"]) == ("succeeded", "1")
        version = owner.get("/api/v1/ml/registry/models/churn/versions/1").json()
        assert (version["tags"], version["metrics"], version["parameters"]) == (
            {"team": "growth"},
            {"auc": 0.9},
            {"depth": "3"},
        )
        artifact = owner.get("/api/v1/ml/registry/models/churn/versions/1/artifacts/file", params={"path": "model.pkl"})
        assert artifact.content == b"weights"
        assert (kept(platform), owner.get(f"{ROOT}/{upload_id}").json()["status"]) == ([], "closed")
        assert owner.post(f"{ROOT}/{upload_id}/finish").json()["job_id"] == accepted.json()["job_id"]

    def test_a_model_in_one_file_gets_what_describes_it(self, owner: Client, platform: Platform) -> None:
        upload_id = upload(owner, b"onnx bytes", file_name="net.onnx")
        owner.post(f"{ROOT}/{upload_id}/finish")
        platform.engine.run_next()
        root = "/api/v1/ml/registry/models/churn/versions/1/artifacts"
        assert [each["path"] for each in owner.get(root).json()["artifacts"]] == ["MLmodel", "net.onnx"]
        assert "data: net.onnx" in owner.get(f"{root}/file", params={"path": "MLmodel"}).text

    def test_what_the_archives_config_and_metrics_say_is_the_versions_own_below_what_was_said_by_hand(
        self, owner: Client, platform: Platform
    ) -> None:
        config = b'{"depth": 7, "criterion": "gini", "is_balanced": true, "layers": [64, 32]}'
        files = {
            "config.json": config,
            "metrics.json": b'{"auc": 0.5, "loss": 1, "odd": NaN}',
            "deep/config.json": b"no",
        }
        upload_id = upload(owner, model_tar(**files), metrics={"auc": 0.9}, parameters={"depth": "3"})
        job_id = owner.post(f"{ROOT}/{upload_id}/finish").json()["job_id"]
        platform.engine.run_next()
        version = owner.get("/api/v1/ml/registry/models/churn/versions/1").json()
        assert version["parameters"] == {"depth": "3", "criterion": "gini", "is_balanced": True}
        assert version["metrics"] == {"auc": 0.9, "loss": 1.0, "odd": None}
        assert (
            "config.json: no plain values, so recorded in the file only: layers"
            in owner.get(f"/mlops/jobs/{job_id}/log").text
        )

    @pytest.mark.parametrize(
        ("content", "body", "code"),
        [
            (model_tar(), {"sha256": "0" * 64}, "upload_corrupted"),
            (b"no archive" * 100, {}, "archive_invalid"),
            (b"PK", {"file_name": "model.zip"}, "archive_invalid"),
            (model_tar(**{"config.json": b"{"}), {}, "config_invalid"),
            (model_tar(**{"metrics.json": b'{"auc": "high"}'}), {}, "metrics_invalid"),
        ],
    )
    def test_what_is_not_what_it_should_be_is_reported_and_registers_nothing(
        self, owner: Client, platform: Platform, content: bytes, body: dict[str, Any], code: str
    ) -> None:
        upload_id = upload(owner, content, **body)
        job_id = owner.post(f"{ROOT}/{upload_id}/finish").json()["job_id"]
        platform.engine.run_next()
        job = owner.get(f"/mlops/jobs/{job_id}").json()
        assert (job["status"], job["error"]["code"]) == ("failed", code)
        assert owner.get("/api/v1/ml/registry/models/churn").status_code == 404
        assert platform.tracking.models_tagged("modelyard.key", upload_id) == []
        assert kept(platform) == []

    def test_one_that_is_not_whole_is_not_finished(self, owner: Client) -> None:
        upload_id = begin(owner, model_tar()).json()["upload_id"]
        answer = owner.post(f"{ROOT}/{upload_id}/finish")
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")

    @pytest.mark.parametrize("dies_in", ["store_model", "logged_model"])
    def test_a_server_that_dies_between_steps_makes_one_version_in_the_end(
        self, owner: Client, platform: Platform, dies_in: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload_id = upload(owner, model_tar())
        job_id = owner.post(f"{ROOT}/{upload_id}/finish").json()["job_id"]
        verb = getattr(platform.tracking, dies_in)
        deaths = [0]

        def die_once(*arguments: Any, **options: Any) -> Any:
            done = verb(*arguments, **options)
            deaths[0] += 1
            if deaths[0] == 1:
                raise KeyboardInterrupt
            return done

        monkeypatch.setattr(platform.tracking, dies_in, die_once)
        with pytest.raises(KeyboardInterrupt):
            platform.engine.run_next()
        platform.control.jobs.resume()
        platform.engine.run_next()
        assert owner.get(f"/mlops/jobs/{job_id}").json()["status"] == "succeeded"
        assert owner.get("/api/v1/ml/registry/models/churn").json()["latest_version"] == 1
        assert len(platform.tracking.models_tagged("modelyard.key", upload_id)) == 1
