"""The audit log over HTTP: found, exported, proven."""

import csv
import hashlib
import io
import json
from collections.abc import Callable

import pytest
from audit_tampering import tampering
from fastapi.testclient import TestClient
from sqlalchemy import text

from modelyard.adapters.clock.manual import ManualClock
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.states import Stage

AUDIT = "/api/v1/audit"


@pytest.fixture
def history(
    control_plane: ControlPlane, clock: ManualClock, alice: Principal, log_model: Callable[..., LoggedModel]
) -> None:
    """Two models, an hour between any two changes."""
    for name in ("iris", "iris", "wine"):
        clock.sleep(3600)
        version = control_plane.registry.register(alice, model_name=name, logged=log_model())
        clock.sleep(3600)
        control_plane.promotion.change_stage(alice, version, Stage.STAGING, comment="=1+1", revision=None)


def reported(client: TestClient, **query: str) -> list[tuple[str, str]]:
    answer = client.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    return [(entry["action"], entry["subject"]) for entry in answer.json()["entries"]]


@pytest.mark.usefixtures("history")
class TestList:
    def test_it_is_newest_first(self, client: TestClient) -> None:
        assert reported(client, model="iris") == [
            ("version.staging", "models/iris/versions/2"),
            ("version.registered", "models/iris/versions/2"),
            ("version.staging", "models/iris/versions/1"),
            ("version.registered", "models/iris/versions/1"),
            ("model.created", "models/iris"),
        ]

    def test_by_version_actor_subject_and_action(self, client: TestClient) -> None:
        both = [("version.staging", "models/iris/versions/2"), ("version.registered", "models/iris/versions/2")]
        assert reported(client, model="iris", version="2") == both
        assert reported(client, subject="models/iris/versions/2") == both
        assert reported(client, action="version.*", actor="alice", version="2") == both
        assert reported(client, action="model.created") == [("model.created", f"models/{m}") for m in ("wine", "iris")]
        assert reported(client, actor="nobody") == []

    def test_what_a_job_a_deployment_and_a_request_did_is_found_by_its_model(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal
    ) -> None:
        version = control_plane.registry.version(alice, "iris", 2)
        made = control_plane.deployments.create(alice, version, replicas=1, namespace="default", job_id="job-1")
        request = control_plane.promotion.request(alice, version, comment="please")
        assert reported(client, model="iris", version="2")[:2] == [
            ("request.requested", request.subject),
            ("deployment.created", made.subject),
        ]

    def test_from_a_moment_on_and_before_another(self, client: TestClient) -> None:
        entries = client.get(AUDIT, params={"model": "iris"}).json()["entries"]
        moved, registered = entries[0]["at"], entries[1]["at"]
        assert reported(client, **{"from": registered, "to": moved}) == [
            ("version.registered", "models/iris/versions/2")
        ]
        assert len(reported(client, **{"from": registered, "model": "iris"})) == 2
        assert reported(client, to="1999-01-01T00:00:00Z") == reported(client, **{"from": "2999-01-01T00:00:00Z"}) == []

    def test_pages_hold_each_entry_once(self, client: TestClient) -> None:
        whole = reported(client, limit="200")
        got: list[tuple[str, str]] = []
        cursor = None
        while True:
            page = client.get(AUDIT, params={"limit": "2"} | ({"cursor": cursor} if cursor else {})).json()
            got += [(entry["action"], entry["subject"]) for entry in page["entries"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert got == whole

    @pytest.mark.parametrize("moment", ["2026-01-01T00:00:00", "yesterday", "0001-01-01T00:00:00+14:00"])
    def test_a_moment_without_a_zone_or_out_of_time_is_refused(self, client: TestClient, moment: str) -> None:
        answer = client.get(AUDIT, params={"from": moment})
        assert "value error" not in answer.json()["error"]
        assert (answer.status_code, answer.json()["field"]) == (400, "from")


@pytest.mark.usefixtures("history")
class TestExport:
    def test_anybody_can_verify_the_lines_with_nothing_but_a_hash_function(self, client: TestClient) -> None:
        answer = client.get(f"{AUDIT}/export")
        assert answer.headers["content-type"] == "application/x-ndjson"
        previous = "0" * 64
        lines = answer.text.splitlines()
        for line in lines:
            fields = json.loads(line)
            stored = fields.pop("hash")
            assert fields["previous_hash"] == previous
            plain = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            previous = hashlib.sha256(plain.encode()).hexdigest()
            assert stored == previous
        head = client.get(f"{AUDIT}/head").json()
        assert (len(lines), previous) == (head["sequence"], head["hash"])

    def test_a_spreadsheet_finds_no_formula_in_the_csv(self, client: TestClient) -> None:
        answer = client.get(f"{AUDIT}/export", params={"format": "csv", "action": "version.staging"})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert (rows[0]["subject"], rows[0]["reason"]) == ("models/iris/versions/1", "'=1+1")
        assert json.loads(rows[0]["after"]) == {"stage": "staging"}
        assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())

    def test_an_empty_log_is_an_empty_file(self, client: TestClient) -> None:
        assert client.get(f"{AUDIT}/export", params={"actor": "nobody"}).content == b""

    def test_it_comes_in_blocks_while_it_is_read(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal
    ) -> None:
        with control_plane.database.write() as connection:
            for number in range(600):
                control_plane.audit.record(connection, principal=alice, action="model.created", subject=f"x/{number}")
        with client.stream("GET", f"{AUDIT}/export") as answer:
            blocks = [len(block) for block in answer.iter_raw()]
        assert len(blocks) > 3
        assert max(blocks) < 100_000


@pytest.mark.usefixtures("history")
class TestVerify:
    def test_a_chain_that_holds_gives_its_anchor(self, client: TestClient) -> None:
        answer = client.get(f"{AUDIT}/verify").json()
        assert (answer["is_valid"], answer["broken_at"], answer["reason"]) == (True, None, None)
        assert answer["entries"] == answer["head"]["sequence"] > 8
        assert client.get(f"{AUDIT}/verify", params={"expect": answer["head"]["anchor"]}).json()["is_valid"]

    def test_a_chain_that_was_changed_names_the_entry(self, client: TestClient, control_plane: ControlPlane) -> None:
        anchor = client.get(f"{AUDIT}/head").json()["anchor"]
        with tampering(control_plane.database) as connection:
            connection.execute(text("UPDATE audit_entries SET actor = 'eve' WHERE sequence = 6"))
        answer = client.get(f"{AUDIT}/verify", params={"expect": anchor}).json()
        assert (answer["is_valid"], answer["entries"], answer["broken_at"]) == (False, 5, 6)

    def test_an_anchor_that_is_none_is_refused(self, client: TestClient) -> None:
        answer = client.get(f"{AUDIT}/verify", params={"expect": "17"})
        assert (answer.status_code, answer.json()["code"]) == (400, "anchor_invalid")


@pytest.mark.usefixtures("history")
class TestProduction:
    def test_it_is_reported_by_moment(self, client: TestClient) -> None:
        answer = client.get("/api/v1/ml/registry/models/iris/production").json()
        assert (answer["name"], answer["version"], answer["since"]) == ("iris", None, None)
        assert client.get("/api/v1/ml/registry/models/nosuch/production").status_code == 404
