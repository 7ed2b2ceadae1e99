"""`modelyard audit` and `webhooks` against the real application over real HTTP."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from access_platform import MODEL_FILES, Platform

from modelyard_client import Client

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def history(run: Run) -> None:
    """Four changes."""
    for name in ("ci", "cd"):
        assert run("members", "add", name, "--role", "viewer", "--service")[0] == 0


@pytest.mark.usefixtures("history")
class TestAudit:
    def test_entries_are_listed_by_actor_and_action(self, run: Run) -> None:
        code, out = run("audit", "--action", "member.*", "--actor", "admin", "-o", "json")
        assert code == 0
        subjects = [entry["subject"] for entry in json.loads(out)["entries"]]
        assert subjects[:2] == ["members/cd", "members/ci"]
        assert "members/ci" in run("audit", "list", "--limit", "2")[1]

    def test_a_chain_holds_here_and_there(self, run: Run, tmp_path: Path) -> None:
        code, out = run("audit", "verify", "-o", "json")
        verdict = json.loads(out)
        assert (code, verdict["is_valid"]) == (0, True)
        file = tmp_path / "audit.jsonl"
        assert run("audit", "export", str(file))[0] == 0
        code, out = run("audit", "verify", "--file", str(file), "--expect", verdict["anchor"], "-o", "json")
        assert (code, json.loads(out)) == (0, verdict)
        assert not list(tmp_path.glob(".*"))

    @pytest.mark.parametrize(
        ("tamper", "reason"),
        [
            (lambda lines: [lines[0].replace("member", "mumber"), *lines[1:]], "entry 1 is not what it was"),
            (lambda lines: [lines[0], *lines[2:]], "entry 3 follows entry 1"),
            (lambda lines: [*lines[:-1], "{}"], "is not an entry of the audit log"),
            (lambda lines: lines[:-1], "its end was cut off"),
        ],
    )
    def test_an_export_that_was_changed_is_found_out(
        self, run: Run, tmp_path: Path, tamper: Callable[[list[str]], list[str]], reason: str
    ) -> None:
        anchor = json.loads(run("audit", "verify", "-o", "json")[1])["anchor"]
        file = tmp_path / "audit.jsonl"
        run("audit", "export", str(file))
        file.write_text("\n".join(tamper(file.read_text().splitlines())))
        code, out = run("audit", "verify", "--file", str(file), "--expect", anchor)
        assert code == 1
        assert reason in out

    def test_changes_are_followed_over_http(self, platform: Platform) -> None:
        with Client(f"http://127.0.0.1:{platform.port}", platform.operator_token) as client:
            newest, *_, oldest = client.audit.list()
            followed = list(islice(client.audit.follow(after=0), newest.sequence))
        assert [change.sequence for change in followed] == [*range(1, newest.sequence + 1)]
        assert (followed[0].subject, followed[-1].subject) == (oldest.subject, newest.subject)

    def test_csv_is_made_for_a_name_that_says_so(self, run: Run, tmp_path: Path) -> None:
        assert run("audit", "export", str(tmp_path / "audit.csv"))[0] == 0
        assert (tmp_path / "audit.csv").read_text().startswith("tenant_id,sequence,at,actor")

    def test_an_anchor_that_is_none_is_refused(self, run: Run) -> None:
        assert run("audit", "verify", "--expect", "17")[0] == 2

    def test_a_model_that_nobody_heard_of_was_never_in_production(self, run: Run) -> None:
        assert run("audit", "production", "nosuch")[0] == 3


@pytest.fixture
def live(platform: Platform) -> None:
    """One version of `churn` in production, which its tester brought there and `rex` approved, and its example."""
    admin, root = platform.operator, "/api/v1/ml/registry/models"
    run_id = platform.tracking.log_run("churn")
    example = {"serving_input_example.json": b'{"inputs": [[1.0, 2.0]]}'}
    platform.tracking.log_model(run_id, "model", {**MODEL_FILES, **example})
    assert admin.post(root, json={"name": "churn", "artifact_id": run_id}).status_code == 201
    tokens = {}
    for subject, role in (("ann", "developer"), ("rex", "approver")):
        assert admin.post("/api/v1/access/members", json={"subject": subject, "role": role}).status_code == 201
        made = admin.post("/api/v1/access/tokens", json={"name": "t", "subject": subject})
        tokens[subject] = made.json()["secret"]
    ann, path = platform.at(tokens["ann"]), f"{root}/churn/versions/1/stage"
    assert ann.post(path, json={"stage": "staging", "comment": "to be looked at"}).status_code == 200
    asked = ann.post(path, json={"stage": "production", "comment": "good"})
    request = f"{root}/churn/requests/{asked.json()['request']['request_id']}/approve"
    assert platform.at(tokens["rex"]).post(request, json={"comment": "yes"}).json()["status"] == "approved"


@pytest.mark.usefixtures("live")
class TestProduction:
    def test_it_is_shown_of_all_models_and_as_the_history_of_one(self, run: Run) -> None:
        (everything,) = json.loads(run("audit", "production", "-o", "json")[1])["models"]
        (stay,) = json.loads(run("audit", "production", "churn", "--history", "-o", "json")[1])["stays"]
        assert everything == stay
        assert (stay["name"], stay["version"], stay["until"]) == ("churn", 1, None)
        assert json.loads(run("audit", "production", "churn", "-o", "json")[1])["since"] == stay["since"]
        assert "churn" in run("audit", "production")[1]
        before = run("audit", "production", "--at", "2001-01-01T00:00:00Z", "-o", "json")
        assert (before[0], json.loads(before[1])) == (0, {"models": []})

    @pytest.mark.parametrize("words", [["--history"], ["churn", "--history", "--at", "2026-01-01T00:00:00Z"]])
    def test_a_history_is_of_one_model_and_of_all_moments(self, run: Run, words: list[str]) -> None:
        assert run("audit", "production", *words)[0] == 2

    def test_a_versions_example_is_a_body_for_predict(self, run: Run) -> None:
        code, out = run("versions", "example", "churn/1")
        assert (code, json.loads(out)) == (0, {"inputs": [[1.0, 2.0]]})
        assert run("versions", "example", "churn/7")[0] == 3


class TestWebhooks:
    @pytest.fixture
    def hook(self, run: Run) -> str:
        code, out = run("webhooks", "create", "https://hooks.example.com/", "--event", "member.*", "-o", "json")
        made = json.loads(out)
        assert (code, made["secret"][:6]) == (0, "whsec_")
        webhook_id: str = made["webhook"]["webhook_id"]
        return webhook_id

    def test_one_is_made_shown_tested_and_its_deliveries_listed(self, run: Run, hook: str) -> None:
        assert json.loads(run("webhooks", "show", hook, "-o", "json")[1])["event_types"] == ["member.*"]
        code, out = run("webhooks", "test", hook, "-o", "json")
        assert (code, json.loads(out)["deliveries"][0]["status"]) == (0, "delivered")
        run("members", "add", "ci", "--role", "viewer")
        listed = json.loads(run("webhooks", "deliveries", hook, "-o", "json")[1])["deliveries"]
        assert sorted(each["event_type"] for each in listed) == ["member.added", "webhook.test"]
        assert run("webhooks", "replay", hook, "--delivery", listed[0]["delivery_id"])[0] == 0
        window = ("--from", "2000-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z")
        assert run("webhooks", "replay", hook, *window)[0] == 0
        assert run("webhooks", "replay", hook)[0] == 2

    def test_one_is_paused_resumed_rotated_and_deleted(self, run: Run, hook: str) -> None:
        assert "paused" in run("webhooks", "pause", hook)[1]
        assert run("webhooks", "test", hook)[0] == 6
        assert "active" in run("webhooks", "resume", hook)[1]
        rotated = json.loads(run("webhooks", "rotate", hook, "--overlap-hours", "1", "-o", "json")[1])
        assert rotated["webhook"]["previous_secret_until"] is not None
        assert json.loads(run("webhooks", "dead-letters", hook, "-o", "json")[1]) == {"deliveries": []}
        assert run("webhooks", "dead-letters", hook, "--redrive")[0] == 0
        assert hook in run("webhooks")[1]
        assert run("webhooks", "delete", hook)[0] == 0
        assert run("webhooks", "show", hook)[0] == 3
