"""`modelyard rollouts` and `modelyard traffic`: what they send, and what they show."""

import json
from pathlib import Path
from typing import Any

from cli_run import Run
from modelyard_standin import StandIn, reply


def _rollout(**values: Any) -> dict[str, Any]:
    return {
        "rollout_id": "ro-1",
        "name": "churn",
        "former": 3,
        "candidate": 4,
        "status": "running",
        "step": 1,
        "steps": ["weight 5 %", "analysis", "full"],
        "step_since": "2026-05-01T10:00:00Z",
        "percent": 5.0,
        "shadow_percent": 0.0,
        "reason": None,
        "findings": [{"guardrail": "errors", "verdict": "too_little_data", "message": "0 of 9 requests failed"}],
        "step_requests": 9,
        "request_id": None,
        "job_id": None,
        "is_promoted": False,
        "plan": {"steps": []},
        "created_by": "anna",
        "created_at": "2026-05-01T10:00:00Z",
        "revision": 3,
        **values,
    }


class TestRollouts:
    def test_one_is_started_by_a_file_of_yaml(self, standin: StandIn, run: Run, tmp_path: Path) -> None:
        plan = tmp_path / "rollout.yaml"
        plan.write_text("steps:\n  - weight: 5\n  - full: true\n")
        standin.out_of_turn = [reply(201, _rollout())]
        ended = run("rollouts", "start", "churn", "--version", "4", "-f", str(plan))
        assert ended.exit_code == 0
        sent = standin.asked("POST", "/api/v1/rollouts")[0].json
        assert sent == {"name": "churn", "version": 4, "plan": {"steps": [{"weight": 5}, {"full": True}]}}
        assert "step      2 of 3: analysis" in ended.out
        assert "errors    too_little_data: 0 of 9 requests failed" in ended.out

    def test_one_is_watched_until_it_went_back_which_is_exit_code_1(self, standin: StandIn, run: Run) -> None:
        back = _rollout(status="rolled_back", percent=0.0, reason="version 4 is worse: errors: 8 of 20")
        standin.out_of_turn = [reply(200, {"rollouts": [_rollout()], "next_cursor": None}), reply(200, back)]
        ended = run("rollouts", "watch", "churn")
        assert ended.exit_code == 1
        assert "[#...................] 5 %  running  step 2/3 analysis" in ended.err
        assert "version 4 was taken back: version 4 is worse" in ended.err

    def test_verbs_go_to_the_newest_one_of_a_model(self, standin: StandIn, run: Run) -> None:
        page = reply(200, {"rollouts": [_rollout()], "next_cursor": None})
        standin.out_of_turn = [page, reply(200, _rollout(status="rolling_back"))]
        assert run("rollouts", "abort", "churn", "--reason", "slow").exit_code == 0
        assert standin.asked("POST", "/api/v1/rollouts/ro-1/abort")[0].json == {"reason": "slow"}

    def test_a_model_without_any_is_exit_code_3(self, standin: StandIn, run: Run) -> None:
        standin.out_of_turn = [reply(200, {"rollouts": [], "next_cursor": None})]
        assert run("rollouts", "show", "churn").exit_code == 3

    def test_a_plan_is_set_and_shown(self, standin: StandIn, run: Run) -> None:
        standin.out_of_turn = [reply(200, {"name": "churn", "plan": {"steps": [{"full": True}]}})]
        ended = run("rollouts", "plan", "churn", "-f", "-", stdin=b"steps: [{full: true}]")
        assert json.loads(ended.out) == {"steps": [{"full": True}]}
        assert standin.asked("PUT", "/api/v1/rollout-plans/churn")[0].json == {"steps": [{"full": True}]}


class TestTraffic:
    def test_shares_are_set_with_who_stays_and_a_shadow(self, standin: StandIn, run: Run) -> None:
        sent = {
            "shares": [{"version": 3, "percent": 90.0}, {"version": 4, "percent": 10.0}],
            "sticky": {"by": "header", "name": "x-user"},
            "shadow": {"version": 5, "percent": 20.0, "tolerance": 0.01},
        }
        standin.out_of_turn = [reply(200, {"name": "churn", "rollout_id": None, "revision": 1, **sent})]
        sticky = ("--sticky", "header:x-user")
        ended = run("traffic", "set", "churn", "3=90", "4=10", *sticky, "--shadow", "5=20", "--tolerance", "0.01")
        assert standin.asked("PUT", "/api/v1/gateway/traffic/churn")[0].json == {**sent, "reason": ""}
        assert "shares  3=90, 4=10" in ended.out
        assert "sticky  header:x-user" in ended.out

    def test_a_shadow_has_a_report(self, standin: StandIn, run: Run) -> None:
        said = {"former": 3, "candidate": 5, "tolerance": 0.01, "compared": 20, "different": 1}
        differences = [{"request_id": "req-1", "difference": "predictions[0]: 1, not 0"}]
        report = {**said, "former_ms": 3.0, "candidate_ms": 5.0, "differences": differences}
        standin.out_of_turn = [reply(200, report)]
        ended = run("traffic", "comparison", "churn")
        assert standin.asked("GET", "/api/v1/gateway/traffic/churn/comparison")
        assert ended.exit_code == 0
        for shown in ("version 3", "version 5", "20", "req-1", "predictions[0]: 1, not 0"):
            assert shown in ended.out

    def test_what_is_no_share_is_refused_before_it_is_sent(self, standin: StandIn, run: Run) -> None:
        for wrong in ("3", "x=3", "3=nan"):
            ended = run("traffic", "set", "churn", wrong)
            assert (ended.exit_code, "expected a version and its percentage" in ended.err) == (2, True)
        assert standin.seen == []
