"""A version's way to production and back on the command line, against the real application over real HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from access_platform import Platform

from modelyard.access.domain import MemberKind
from modelyard.principals import FIRST_TENANT, Principal, Role
from modelyard_client.models import Models
from modelyard_client.promotion import Promotion
from modelyard_client.versions import Versions

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def churn(platform: Platform) -> str:
    """A model of two versions, the later one better."""
    for auc in (0.8, 0.9):
        run_id = platform.log_model(auc=auc)
        answer = platform.operator.post("/mlops/registry", json={"name": "churn", "run_id": run_id})
        assert answer.status_code == 201
    return "churn"


@pytest.fixture
def approver(platform: Platform) -> str:
    """The token of somebody else than the administrator who may approve, and who does not have it from them."""
    hanna = Principal(tenant_id=FIRST_TENANT, subject="hanna", role=Role.ADMIN)
    platform.control.members.add(hanna, subject="petra", kind=MemberKind.PERSON, role=Role.APPROVER)
    return platform.control.tokens.create(hanna, subject="petra", name="laptop")[1]


def promoted(run: Run, version: str, approver: str) -> None:
    """The whole way."""
    assert run("promote", version, "--to", "staging", "--comment", "reviewed")[0] == 0
    assert run("promote", version, "--to", "production", "--comment", "better")[0] == 0
    assert run("approve", version, "--comment", "agreed", token=approver)[0] == 0


def concurrently(platform: Platform, commands: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """Each command in a process of its own, all at once; how each ended and what it said."""
    environment = {
        **os.environ,
        "MODELYARD_URL": str(platform.at(None).base_url),
        "MODELYARD_TOKEN": platform.operator_token,
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", "from modelyard_client.cli import main; main()", *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    return [(process.returncode, reported) for process in running for reported in (process.communicate(timeout=60)[1],)]


def stages(run: Run, model: str) -> dict[int, str]:
    shown = json.loads(run("models", "show", model, "-o", "json")[1])
    return {version["version"]: version["stage"] for version in shown["versions"]}


class TestPromotion:
    def test_a_version_goes_to_production_by_two_people_and_comes_back(
        self, run: Run, churn: str, approver: str
    ) -> None:
        promoted(run, "churn/1", approver)
        promoted(run, "churn/2", approver)
        assert stages(run, churn) == {1: "archived", 2: "production"}
        assert run("rollback", churn, "--comment", "it misbehaves")[0] == 0
        assert stages(run, churn) == {1: "production", 2: "archived"}

    def test_the_requester_sees_who_can_approve_and_how(
        self, run: Run, churn: str, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []
        monkeypatch.setattr("modelyard_client.cli.promote.say", said.append)
        hanna = Principal(tenant_id=FIRST_TENANT, subject="hanna", role=Role.ADMIN)
        platform.control.members.add(hanna, subject="anna", kind=MemberKind.PERSON, role=Role.DEVELOPER)
        anna = platform.control.tokens.create(hanna, subject="anna", name="laptop")[1]
        run("promote", "churn/1", "--to", "staging", "--comment", "reviewed")
        assert said == []
        run("promote", "churn/1", "--to", "production", "--comment", "please")
        assert "ask as a member of your own:" in said[1]
        assert "  modelyard withdraw churn/1" in said
        assert said[-1] == "Alone on a laptop: modelyard up --no-auth"
        run("withdraw", "churn/1")
        said.clear()
        run("promote", "churn/1", "--to", "production", "--comment", "please", token=anna)
        assert said[0].endswith('a second person approves it, with modelyard approve churn/1 --comment "…"')
        assert said[1].startswith("These can: admin")

    def test_who_asks_does_not_approve(self, run: Run, churn: str) -> None:
        run("promote", "churn/1", "--to", "staging", "--comment", "reviewed")
        run("promote", "churn/1", "--to", "production", "--comment", "please")
        assert run("approve", "churn/1")[0] == 4

    def test_a_request_is_listed_shown_rejected_and_another_withdrawn(
        self, run: Run, churn: str, approver: str
    ) -> None:
        run("promote", "churn/1", "--to", "staging", "--comment", "reviewed")
        run("promote", "churn/1", "--to", "production", "--comment", "please")
        (listed,) = json.loads(run("requests", "--status", "requested", "-o", "json")[1])["requests"]
        reference = f"churn/{listed['request_id']}"
        assert "requested" in run("requests", "show", reference)[1]
        assert run("reject", reference, "--comment", "no", token=approver)[0] == 0
        assert json.loads(run("requests", "show", reference, "-o", "json")[1])["reason"] == "no"
        assert run("withdraw", "churn/1")[0] == 3
        run("promote", "churn/1", "--to", "production", "--comment", "again")
        assert run("withdraw", "churn/1")[0] == 0

    @pytest.mark.parametrize("reference", ["churn", "churn/", "/1", "churn/0", "churn/one", "churn/-1"])
    def test_a_version_that_is_none_is_refused_unsent(self, run: Run, reference: str) -> None:
        assert run("promote", reference, "--to", "staging", "--comment", "x")[0] == 2


class TestAtOnce:
    def test_of_four_processes_that_go_back_one_does_and_the_others_fail(
        self, run: Run, churn: str, approver: str, platform: Platform
    ) -> None:
        promoted(run, "churn/1", approver)
        promoted(run, "churn/2", approver)
        seen = json.loads(run("models", "show", churn, "-o", "json")[1])["revision"]
        command = ["rollback", churn, "--comment", "it misbehaves", "--revision", str(seen)]

        ends = concurrently(platform, [command] * 4)

        assert sorted(code for code, _ in ends) == [0, 6, 6, 6]
        (reported,) = {reported for code, reported in ends if code}
        assert f", not {seen}: somebody else changed it; look at it again before the command is repeated\n" in reported
        assert stages(run, churn) == {1: "production", 2: "archived"}

    @pytest.mark.parametrize(
        "command",
        [
            ("promote", "churn/1", "--to", "staging", "--comment", "mine"),
            ("versions", "edit", "churn/1", "--tag", "mine=yes"),
            ("models", "edit", "churn", "--description", "mine"),
        ],
    )
    def test_of_three_processes_that_saw_the_same_state_one_changes_it(
        self, run: Run, churn: str, platform: Platform, command: tuple[str, ...]
    ) -> None:
        shown = ("models", "show", churn) if command[0] == "models" else ("versions", "show", "churn/1")
        seen = json.loads(run(*shown, "-o", "json")[1])["revision"]
        different = [[*command, "--revision", str(seen)] for _ in range(3)]
        if "edit" in command:  # What changes nothing writes nothing.
            different = [[*each[:-3], f"{each[-3]}-{number}", *each[-2:]] for number, each in enumerate(different)]

        ends = concurrently(platform, different)

        assert sorted(code for code, _ in ends) == [0, 6, 6]
        assert all(reported.count("\n") == 1 for code, reported in ends if code)

    @pytest.mark.parametrize(
        ("command", "read"),
        [
            (("rollback", "churn"), (Models, "revision")),
            (("models", "edit", "churn", "--description", "mine"), (Models, "revision")),
            (("promote", "churn/1", "--to", "archived", "--comment", "mine"), (Versions, "get")),
            (("versions", "edit", "churn/1", "--description", "mine"), (Versions, "get")),
            (("policy", "set", "churn", "{policy}"), (Promotion, "policy")),
        ],
    )
    def test_without_a_revision_it_is_bound_to_the_state_that_the_command_began_with(
        self,
        run: Run,
        churn: str,
        platform: Platform,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        command: tuple[str, ...],
        read: tuple[type, str],
    ) -> None:
        (tmp_path / "policy.json").write_text("{}")
        reading = getattr(*read)

        def read_and_lose(*arguments: object) -> object:
            seen = reading(*arguments)
            registry = "/api/v1/ml/registry/models/churn"
            changed = [
                platform.operator.patch(registry, json={"description": "theirs"}),
                platform.operator.patch(f"{registry}/versions/1", json={"description": "theirs"}),
                platform.operator.put(f"{registry}/policy", json={"needed_approvals": 2}),
            ]
            assert [answer.status_code for answer in changed] == [200, 200, 200]
            return seen

        monkeypatch.setattr(*read, read_and_lose)
        assert run(*(part.format(policy=tmp_path / "policy.json") for part in command))[0] == 6


class TestPolicy:
    def test_a_policy_is_reported_in_facts(self, run: Run, churn: str) -> None:
        code, out = run("policy", "show", churn)
        assert code == 0
        assert "needed_approvals     1" in out.splitlines()

    def test_what_was_shown_is_edited_and_given_back_once(self, run: Run, churn: str, tmp_path: Path) -> None:
        shown = json.loads(run("policy", "show", churn, "-o", "json")[1])
        shown["policy"] |= {"needed_approvals": 2, "metric_rules": {"warmth": {"direction": "lower"}}}
        file = tmp_path / "policy.json"
        file.write_text(json.dumps(shown))
        code, out = run("policy", "set", churn, str(file), "-o", "json")
        assert (code, json.loads(out)["policy"]["needed_approvals"]) == (0, 2)
        assert run("policy", "set", churn, str(file))[0] == 6

    def test_a_file_that_is_no_policy_is_refused(self, run: Run, churn: str, tmp_path: Path) -> None:
        file = tmp_path / "policy.json"
        for content in ("", "[]", "{"):
            file.write_text(content)
            assert run("policy", "set", churn, str(file))[0] == 2
        file.write_text('{"needed_approval": 2}')
        assert run("policy", "set", churn, str(file))[0] == 2


class TestCompare:
    def test_people_see_a_recommendation_and_signs(self, run: Run, churn: str) -> None:
        code, out = run("compare", churn, "1", "2")
        assert code == 0
        assert out.startswith("Version 2 shows improvement across all metrics\n")
        assert "0.9 ▲" in out

    def test_programs_get_json_and_eyes_a_picture(self, run: Run, churn: str) -> None:
        assert json.loads(run("compare", churn, "1", "2", "-o", "json")[1])["recommended_version"] == 2
        assert ET.fromstring(run("compare", churn, "1", "2", "-o", "svg")[1]).tag == "{http://www.w3.org/2000/svg}svg"
        assert run("compare", churn, "1", "7")[0] == 3
        assert run("compare", churn, "1")[0] == 2
