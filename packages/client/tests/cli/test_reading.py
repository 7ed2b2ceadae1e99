import json
from pathlib import Path

import pytest
from cli_run import Run
from modelyard_standin import StandIn, bundle, deployment, job, model, version


class TestJobs:
    def test_they_are_listed_without_a_commands_name(self, standin: StandIn, run: Run) -> None:
        standin.jobs = {"job-1": [job(status="failed")], "job-2": [job("job-2", duration_seconds=75.0)]}
        ended = run("jobs", "--limit", "2")
        header, first, second = ended.out.splitlines()
        assert header.split() == ["JOB", "KIND", "MODEL", "VERSION", "STATUS", "PHASE", "AGE", "TOOK"]
        assert first.split()[:5] == ["job-1", "one_click", "churn", "-", "failed"]
        assert second.split()[-1] == "75s"

    def test_json_has_all_of_each(self, standin: StandIn, run: Run) -> None:
        standin.jobs = {"job-1": [job()]}
        assert json.loads(run("jobs", "list", "-o", "json").out) == {"jobs": [job()]}

    def test_none_are_a_header_alone(self, run: Run) -> None:
        ended = run("jobs")
        assert (ended.exit_code, len(ended.out.splitlines())) == (0, 1)

    def test_one_is_shown_with_its_error(self, standin: StandIn, run: Run) -> None:
        standin.jobs["job-1"] = [job(status="failed", error={"code": "c", "message": "[bold]no[/bold] column"})]
        assert "error       [bold]no[/bold] column\n" in run("jobs", "show", "job-1").out

    def test_one_is_shown_with_what_it_runs(self, standin: StandIn, run: Run) -> None:
        source = {
            "script_name": "train.py",
            "script_sha256": "5f",
            "project": None,
            "arguments": ["--name", "a b"],
            "environment": {"SEED": "7"},
            "secrets": ["TOKEN"],
            "requirements": [],
            "constraints": [],
            "requires_python": ">=3.11",
            "git_commit": "c0ffee",
            "git_is_dirty": True,
        }
        standin.jobs["job-1"] = [job(source=source)]
        facts = dict(line.split(maxsplit=1) for line in run("jobs", "show", "job-1").out.splitlines())
        assert facts["script"] in {"train.py --name 'a b'", "sha256  5f"}
        assert (facts["environment"], facts["secrets"], facts["python"]) == ("SEED=7", "TOKEN", ">=3.11")
        assert facts["commit"] == "c0ffee, with changes"
        assert json.loads(run("jobs", "show", "job-1", "-o", "json").out)["source"] == source

    def test_its_executed_notebook_is_written_to_a_file_or_printed(
        self, standin: StandIn, run: Run, tmp_path: Path
    ) -> None:
        standin.jobs["job-1"] = [job()]
        file = tmp_path / "executed.ipynb"
        ended = run("jobs", "notebook", "job-1", "--output", str(file))
        assert (json.loads(file.read_text()), ended.out, ended.err) == ({"cells": []}, "", f"wrote {file}\n")
        assert json.loads(run("jobs", "notebook", "job-1").out) == {"cells": []}
        assert "page" in run("jobs", "notebook", "job-1", "--html").out

    def test_no_executed_notebook_writes_no_file(self, run: Run, tmp_path: Path) -> None:
        assert run("jobs", "notebook", "nobody", "--output", str(tmp_path / "executed.ipynb")).exit_code == 3
        assert list(tmp_path.iterdir()) == []

    def test_no_job_is_exit_code_3(self, run: Run) -> None:
        ended = run("jobs", "show", "nobody")
        assert (ended.exit_code, ended.err) == (3, "modelyard: there is no such thing\n")

    def test_one_that_is_being_cancelled_says_so(self, standin: StandIn, run: Run) -> None:
        standin.jobs["job-1"] = [job(status="running", phase="training", is_cancelling=True)]
        assert "status    cancelling\n" in run("jobs", "cancel", "job-1").out.replace("status      ", "status    ")
        assert " cancelling " in run("jobs").out

    def test_cancelling_one_that_has_ended_is_exit_code_6(self, standin: StandIn, run: Run) -> None:
        standin.jobs["job-1"] = [job(status="failed")]
        assert run("jobs", "cancel", "job-1").exit_code == 6

    def test_a_command_that_is_none_is_a_usage_error(self, run: Run) -> None:
        ended = run("jobs", "shwo", "job-1")
        assert ended.exit_code == 2
        assert "Did you mean 'show'" in ended.err


class TestModels:
    def test_they_are_listed(self, standin: StandIn, run: Run) -> None:
        standin.models["churn"] = model()
        assert run("models").out.splitlines()[1].split()[:4] == ["churn", "2", "1", "-"]

    def test_one_is_shown_with_its_versions(self, standin: StandIn, run: Run) -> None:
        standin.models["churn"] = model(versions=[version(2), version(1, stage="production")])
        out = run("models", "show", "churn").out
        assert "accuracy=0.95" in out
        assert "production" in out

    def test_one_version_is_shown(self, standin: StandIn, run: Run) -> None:
        standin.models["churn"] = model(versions=[version(2), version(1, stage="production")])
        reported = json.loads(run("models", "show", "churn", "--version", "1", "-o", "json").out)
        assert (reported["version"], reported["stage"]) == (1, "production")

    def test_a_version_tells_how_it_is_served(self, standin: StandIn, run: Run) -> None:
        standin.models["churn"] = model(versions=[version(1), version(2), version(3)])
        standin.bundles["churn", "1"] = bundle()
        refused = {"accepted": False, "reasons": ["float64: not faster"]}
        standin.bundles["churn", "2"] = bundle(runtime="sklearn", is_compiled=False, compilation=refused)

        reported = [run("models", "show", "churn", "--version", number).out for number in ("1", "2", "3")]

        assert "onnx, compiled: one row is 40.5 times as fast" in reported[0]
        assert "sklearn, not compiled: float64: not faster" in reported[1]
        assert "served as" not in reported[2]

    def test_no_version_is_exit_code_3(self, standin: StandIn, run: Run) -> None:
        standin.models["churn"] = model(versions=[version(1)])
        ended = run("models", "show", "churn", "--version", "7")
        assert (ended.exit_code, ended.err) == (3, "modelyard: model churn has no version 7\n")


class TestDeployments:
    def test_they_are_listed(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment(url="http://127.0.0.1:8101", replicas=3)]
        row = run("deployments").out.splitlines()[1].split()
        assert row[:6] == ["dep-1", "churn", "1", "ready", "1/3", "http://127.0.0.1:8101"]

    def test_one_is_shown_with_its_replicas(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment()]
        replica = run("deployments", "show", "churn").out.splitlines()[-1]
        assert replica.split(maxsplit=5) == ["0", "ready", "4243", "1", "98", "killed by signal 9"]

    def test_one_whose_version_is_replaced_names_the_job_once(self, standin: StandIn, run: Run) -> None:
        replacement = {"from_version": 1, "version": 2, "generation": 2, "status": "failed", "reason": "no memory"}
        standin.deployments["dep-1"] = [deployment(replacement=replacement | {"job_id": "job-1"})]
        out = run("deployments", "show", "churn").out
        assert "version 1 by 2, failed (job-1): no memory\n" in out

    def test_scaling_waits_and_tells_the_end(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment(), deployment(ready_replicas=3)]
        ended = run("scale", "churn", "--replicas", "3", "-o", "json")
        assert (ended.exit_code, json.loads(ended.out)["ready_replicas"]) == (0, 3)
        assert "dep-1  ready  3 of 3 ready" in ended.err

    def test_a_deployment_that_fails_while_it_is_scaled_is_exit_code_1(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment(status="failed", reason="killed by signal 9")]
        ended = run("scale", "dep-1", "--replicas", "3")
        assert ended.exit_code == 1
        assert ended.err.splitlines()[-1] == "modelyard: deployment dep-1 failed: killed by signal 9"

    def test_a_target_may_choose_how_many(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment()]
        run("scale", "churn", "--max-replicas", "8", "--cpu-percent", "60", "--no-wait")
        assert standin.seen[-1].json == {"autoscaling": {"min_replicas": 1, "max_replicas": 8, "cpu_percent": 60}}
        run("scale", "churn", "--no-autoscaling", "--replicas", "3", "--no-wait")
        assert [seen.json for seen in standin.seen[-2:]] == [{"autoscaling": None}, {"replicas": 3}]

    def test_the_bounds_of_an_autoscaler_are_shown(self, standin: StandIn, run: Run) -> None:
        bounds = {"min_replicas": 2, "max_replicas": 8, "cpu_percent": 60}
        standin.deployments["dep-1"] = [deployment(ready_replicas=4, autoscaling=bounds)]
        lines = run("deployments", "show", "churn").out.splitlines()
        assert [line.split(maxsplit=1) for line in lines if line.startswith(("ready", "autoscaling"))] == [
            ["ready", "4"],
            ["autoscaling", "2 to 8 replicas, at 60 % of the processor"],
        ]

    def test_how_many_and_who_chooses_is_one_question(self, standin: StandIn, run: Run) -> None:
        for options in ([], ["--replicas", "2", "--max-replicas", "3"], ["--min-replicas", "2"]):
            assert run("scale", "dep-1", *options).exit_code == 2
        assert standin.seen == []

    def test_no_replicas_are_a_usage_error(self, standin: StandIn, run: Run) -> None:
        assert (run("scale", "dep-1", "--replicas", "0").exit_code, standin.seen) == (2, [])

    def test_undeploying_waits_until_it_is_stopped(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment()]
        ended = run("undeploy", "churn", "-o", "json")
        assert (ended.exit_code, json.loads(ended.out)["status"]) == (0, "stopped")

    def test_several_of_one_model_are_exit_code_6(self, standin: StandIn, run: Run) -> None:
        standin.deployments = {"dep-1": [deployment()], "dep-2": [deployment("dep-2", model_version=2)]}
        ended = run("undeploy", "churn")
        assert ended.exit_code == 6
        assert "dep-1 (version 1), dep-2 (version 2)" in ended.err


class TestLogs:
    LOG = b"one\ntwo\nthr"

    def test_a_jobs_log_is_shown(self, standin: StandIn, run: Run) -> None:
        standin.jobs["job-1"], standin.logs["job-1"] = [job()], self.LOG
        assert run("logs", "job-1").out == "one\ntwo\nthr\n"

    def test_a_deployments_log_is_found_by_its_model(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"], standin.logs["dep-1"] = [deployment()], self.LOG
        assert run("logs", "churn", "--tail", "2").out == "two\nthr\n"

    @pytest.mark.parametrize(("tail", "expected"), [([], "one\ntwo\nthr\n"), (["--tail", "2"], "two\nthr\n")])
    def test_following_shows_each_line_once(self, standin: StandIn, run: Run, tail: list[str], expected: str) -> None:
        standin.jobs["job-1"], standin.logs["job-1"] = [job()], self.LOG
        assert run("logs", "job-1", "--follow", *tail).out == expected

    def test_of_a_model_that_is_not_deployed_any_more_its_last_deployments_log_is_shown(
        self, standin: StandIn, run: Run
    ) -> None:
        standin.deployments["dep-1"], standin.logs["dep-1"] = [deployment(status="stopped")], self.LOG
        ended = run("logs", "churn")
        assert ended.out == "one\ntwo\nthr\n"
        assert ended.err == "churn is not deployed; this is the log of its last deployment, dep-1\n"

    def test_as_json_each_line_is_an_object(self, standin: StandIn, run: Run) -> None:
        standin.jobs["job-1"], standin.logs["job-1"] = [job()], self.LOG
        reported = [json.loads(line) for line in run("logs", "job-1", "-o", "json").out.splitlines()]
        assert reported[0] == {"text": "one", "offset": 4, "is_whole": True}

    def test_what_is_neither_is_exit_code_3(self, run: Run) -> None:
        ended = run("logs", "nobody")
        assert (ended.exit_code, ended.err) == (3, "modelyard: there is no job and no deployment 'nobody'\n")
