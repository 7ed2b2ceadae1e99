import json
from pathlib import Path

import pytest
from cli_run import Run
from modelyard_standin import StandIn, deployment, error, job, reply
from notebook_files import code_cell, notebook_text

DEPLOYED = [
    job(),
    job(status="running", phase="training"),
    job(status="running", phase="building"),
    job(status="succeeded", phase="deployed", model_version="2", deployment_url="http://127.0.0.1:8101"),
]
FAILED = job(status="failed", phase="training", error={"code": "script_failed", "message": "ValueError: no\ncolumn"})


@pytest.fixture
def script(tmp_path: Path) -> str:
    file = tmp_path / "train_churn.py"
    file.write_text("# /// script\n# dependencies = ['scikit-learn']\n# ///\nprint('hi')\n")
    return str(file)


class TestTrain:
    def test_the_end_is_reported_on_stdout_and_the_phases_on_stderr(
        self, standin: StandIn, run: Run, script: str
    ) -> None:
        standin.jobs["job-1"] = list(DEPLOYED)
        ended = run("train", script)
        assert ended.exit_code == 0
        assert ended.err.split() == ["job-1", "queued", "job-1", "training", "job-1", "building", "job-1", "succeeded"]
        assert "version     2\n" in ended.out

    def test_json_has_the_job_and_nothing_else(self, standin: StandIn, run: Run, script: str) -> None:
        standin.jobs["job-1"] = list(DEPLOYED)
        ended = run("train", script, "--output", "json")
        reported = json.loads(ended.out)
        assert (reported["status"], reported["model_version"]) == ("succeeded", 2)
        assert reported["created_at"] == "2026-11-21T10:00:00Z"

    def test_not_waiting_tells_the_job_at_once(self, standin: StandIn, run: Run, script: str) -> None:
        ended = run("train", script, "--no-wait", "-o", "json")
        assert (ended.exit_code, json.loads(ended.out)["job_id"]) == (0, "job-1")
        assert [request.path for request in standin.seen] == ["/mlops/training/upload"]

    def test_the_scripts_own_requirements_count_when_none_are_given(
        self, standin: StandIn, run: Run, script: str
    ) -> None:
        run("train", script, "--no-wait")
        assert standin.seen[0].json["requirements"] == ["scikit-learn"]

    def test_requirements_come_from_options_and_files(
        self, standin: StandIn, run: Run, script: str, tmp_path: Path
    ) -> None:
        (tmp_path / "requirements.txt").write_text("pandas  # frames\n")
        run("train", script, "-r", "numpy", "-r", "xgboost", "-R", str(tmp_path / "requirements.txt"), "--no-wait")
        assert standin.seen[0].json["requirements"] == ["numpy", "xgboost", "pandas"]

    def test_all_options_reach_the_server(self, standin: StandIn, run: Run, script: str) -> None:
        options = ["--model", "m", "--experiment", "e", "--logged-model", "l", "--timeout", "60"]
        run("train", script, *options, "--idempotency-key", "k", "--no-wait")
        sent = standin.seen[0]
        assert sent.headers["idempotency-key"] == "k"
        assert sent.json | {"script_content": "", "requirements": []} == {
            "script_name": "train_churn.py",
            "script_content": "",
            "requirements": [],
            "model_name": "m",
            "experiment_name": "e",
            "logged_model": "l",
            "timeout_seconds": 60,
        }

    def test_what_a_run_is_given_reaches_the_server(
        self, standin: StandIn, run: Run, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("API_KEY", "from the environment")
        (tmp_path / "key").write_text("from a file\n")
        given = ["--env", "REGION=eu", "--secret", "API_KEY", "--secret", f"OTHER=@{tmp_path / 'key'}"]
        ended = run("train", script, *given, "--no-wait", "--", "--epochs", "3")

        sent = standin.seen[0].json
        assert (sent["arguments"], sent["environment"]) == (["--epochs", "3"], {"REGION": "eu"})
        assert sent["secrets"] == {"API_KEY": "from the environment", "OTHER": "from a file"}
        assert "from" not in ended.out + ended.err

    @pytest.mark.parametrize("command", ["train", "deploy"])
    def test_parameters_of_a_notebook_are_json_or_texts(
        self, standin: StandIn, run: Run, tmp_path: Path, command: str
    ) -> None:
        notebook = tmp_path / "train.ipynb"
        notebook.write_text(notebook_text(code_cell("a = 1", tags=["parameters"])))
        texts = [
            "a=8",
            "b=0.5",
            "c=true",
            "d=False",
            "e=None",
            "f=null",
            "g=eu",
            'h="8"',
            'i=[1, {"x": 2}]',
            "j=",
            "k=NaN",
        ]
        given = [word for text in texts for word in ("--param", text)]
        run(command, str(notebook), *given, "--no-wait")

        sent = standin.seen[0].json
        assert sent["script_name"] == "train.ipynb"
        assert sent["parameters"] == {
            "a": 8,
            "b": 0.5,
            "c": True,
            "d": False,
            "e": None,
            "f": None,
            "g": "eu",
            "h": "8",
            "i": [1, {"x": 2}],
            "j": "",
            "k": "NaN",
        }

    @pytest.mark.parametrize(
        ("option", "value", "reported"),
        [
            ("--param", "depth", "expected NAME=VALUE"),
            ("--secret", "API_KEY=hunter2", "a value does not belong on the command line"),
            ("--secret", "NOBODY_SET_THIS", "there is no variable of that name here"),
            ("--secret", "API_KEY=@/no/such/file", "cannot read /no/such/file"),
            ("--env", "REGION", "expected NAME=VALUE"),
        ],
    )
    def test_what_is_given_wrongly_is_reported_without_a_value(
        self, standin: StandIn, run: Run, script: str, option: str, value: str, reported: str
    ) -> None:
        ended = run("train", script, option, value, "--no-wait")

        assert (ended.exit_code, standin.seen) == (2, [])
        assert reported in " ".join(ended.err.split())
        assert "hunter2" not in ended.err

    def test_a_script_with_a_file_is_sent_as_a_project(
        self, standin: StandIn, run: Run, script: str, tmp_path: Path
    ) -> None:
        (tmp_path / "rows.csv").write_text("a\n")
        run("train", script, "--file", str(tmp_path / "rows.csv"), "--no-wait")

        assert [request.method for request in standin.seen] == ["POST", "PUT", "POST"]
        assert standin.seen[-1].json["project"] == standin.seen[0].json["sha256"]

    def test_a_folder_is_deployed_as_a_project(self, standin: StandIn, run: Run, script: str, tmp_path: Path) -> None:
        project = tmp_path / "Churn_Model"
        project.mkdir()
        (project / "train.py").write_text("print()")
        run("deploy", str(project), "--no-wait", "--", "--epochs", "3")

        sent = standin.seen[-1]
        assert (sent.path, sent.json["model_name"], sent.json["arguments"]) == (
            "/mlops/deploy",
            "churn-model",
            ["--epochs", "3"],
        )

    def test_a_project_that_is_too_large_names_its_largest_files(
        self, standin: StandIn, run: Run, script: str, tmp_path: Path
    ) -> None:
        (tmp_path / "rows.csv").write_text("a\n" * 100)
        standin.out_of_turn = [error(413, "project: expected an archive of at most 9 bytes", "project_too_large")]
        ended = run("train", script, "--file", str(tmp_path / "rows.csv"), "--no-wait")

        assert ended.exit_code == 2
        assert "its largest files are rows.csv (200 bytes), train_churn.py" in ended.err

    def test_a_job_that_fails_is_one_sentence_and_exit_code_1(self, standin: StandIn, run: Run, script: str) -> None:
        standin.jobs["job-1"] = [FAILED]
        ended = run("train", script)
        assert (ended.exit_code, ended.out) == (1, "")
        assert ended.err.splitlines()[-1] == (
            "modelyard: job-1 failed: ValueError: no column; `modelyard logs job-1` shows its log"
        )

    def test_a_job_that_fails_is_reported_to_programs_too(self, standin: StandIn, run: Run, script: str) -> None:
        standin.jobs["job-1"] = [FAILED]
        ended = run("train", script, "-o", "json")
        assert (ended.exit_code, json.loads(ended.out)["error"]["code"]) == (1, "script_failed")

    def test_the_log_is_shown_on_stderr_when_it_is_followed(self, standin: StandIn, run: Run, script: str) -> None:
        standin.jobs["job-1"] = list(DEPLOYED)
        standin.logs["job-1"] = b"epoch 1\n\x1b[31mepoch\x1b[0m 2\n"
        ended = run("train", script, "--follow", "-o", "json")
        assert {"epoch 1", "epoch 2"} <= set(ended.err.splitlines())
        assert json.loads(ended.out)["status"] == "succeeded"

    def test_a_wait_that_is_too_long_is_exit_code_7(self, standin: StandIn, run: Run, script: str) -> None:
        standin.jobs["job-1"] = [job(status="running", phase="training")]
        ended = run("train", script, "--wait-seconds", "0")
        assert (ended.exit_code, ended.err.splitlines()[-1]) == (7, "modelyard: waited 0 s for job-1 to end")

    def test_the_servers_refusal_is_its_sentence_and_exit_code_2(self, standin: StandIn, run: Run, script: str) -> None:
        standin.out_of_turn = [error(400, "requirements.0: expected a name, got '../x'", "requirement_invalid")]
        ended = run("train", script, "-r", "../x")
        assert (ended.exit_code, ended.err) == (2, "modelyard: requirements.0: expected a name, got '../x'\n")


class TestDeploy:
    def test_a_script_is_deployed_with_one_click(self, standin: StandIn, run: Run, script: str) -> None:
        standin.jobs["job-1"] = list(DEPLOYED)
        ended = run("deploy", script, "--replicas", "2")
        assert standin.seen[0].path == "/mlops/deploy"
        assert standin.seen[0].json["replicas"] == 2
        assert standin.seen[0].json["model_name"] == "train-churn"
        assert "http://127.0.0.1:8101" in ended.out

    def test_the_data_of_its_run_are_named_for_a_script_only(self, standin: StandIn, run: Run, script: str) -> None:
        digest = "a" * 64
        run("deploy", script, "--data", f"rows=s3://bucket/rows.csv@{digest}", "--no-wait")
        assert standin.seen[0].json["data"] == {"rows": {"uri": "s3://bucket/rows.csv", "sha256": digest}}
        refused = run("deploy", "churn", "--data", "rows=s3://bucket/rows.csv", "--no-wait")
        assert (refused.exit_code, "--data" in refused.err) == (2, True)

    def test_a_version_that_exists_is_deployed(self, standin: StandIn, run: Run) -> None:
        ended = run("deploy", "--model", "churn", "--version", "3", "--no-wait")
        assert ended.exit_code == 0
        assert standin.seen[0].path == "/api/v1/deployments"
        assert standin.seen[0].json == {"model_name": "churn", "version": 3}

    def test_a_model_is_named_without_an_option_too(self, standin: StandIn, run: Run) -> None:
        run("deploy", "churn", "--replicas", "2", "--another", "--no-wait")
        assert standin.seen[0].json == {"model_name": "churn", "replicas": 2, "another": True}

    def test_where_and_with_what_it_shall_run_is_said_for_a_version_and_for_a_script(
        self, standin: StandIn, run: Run, script: str
    ) -> None:
        options = ["--target", "eu", "--cpu", "0.5", "--memory-mb", "512", "--gpus", "1", "--no-wait"]
        options += ["--min-replicas", "2", "--max-replicas", "4"]
        run("deploy", "churn", *options)
        run("deploy", script, *options)
        wanted = {
            "target": "eu",
            "resources": {"cpu": 0.5, "memory_mb": 512.0, "gpus": 1},
            "autoscaling": {"min_replicas": 2, "max_replicas": 4, "cpu_percent": 80},
        }
        assert standin.seen[0].json == {"model_name": "churn"} | wanted
        assert standin.seen[1].json.items() >= wanted.items()

    def test_a_version_that_serves_already_is_reported(self, standin: StandIn, run: Run) -> None:
        reported = {"job_id": "job-1", "model_name": "churn", "status": "queued", "deployment_id": "dep-1"}
        standin.out_of_turn = [reply(202, reported | {"message": "version 1 already serves as dep-1; follow GET /x"})]
        ended = run("deploy", "churn", "--version", "1", "--no-wait")
        assert (ended.exit_code, ended.err) == (0, "version 1 already serves as dep-1\n")

    def test_replacing_is_a_word_more_for_a_version_and_for_a_script(
        self, standin: StandIn, run: Run, script: str
    ) -> None:
        run("deploy", "churn", "--version", "2", "--replace", "--no-wait")
        run("deploy", script, "--model", "churn", "--replace", "--no-wait")
        assert standin.seen[0].json == {"model_name": "churn", "version": 2, "replace": True}
        assert (standin.seen[1].path, standin.seen[1].json["replace"]) == ("/mlops/deploy", True)

    def test_the_version_of_one_of_several_deployments_is_replaced_by_its_id(self, standin: StandIn, run: Run) -> None:
        standin.deployments = {"dep-1": [deployment()]}
        standin.jobs["job-1"] = list(DEPLOYED)
        ended = run("deploy", "dep-1", "--version", "2", "--replace", "-n", "3")
        assert (standin.seen[0].method, standin.seen[0].path) == ("PATCH", "/api/v1/deployments/dep-1")
        assert standin.seen[0].json == {"version": 2, "replicas": 3}
        assert ended.exit_code == 0
        same = run("deploy", "dep-1", "--version", "1", "--replace")
        assert (same.exit_code, same.err) == (0, "dep-1 serves version 1 already\n")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ([], "name a script or a registered model"),
            (["churn", "--model", "fraud"], "churn and --model fraud both name a model"),
            (["churn", "--another", "--replace"], "--another and --replace contradict each other"),
            (["train.py", "--another"], "--another cannot be used: a script makes a new version"),
            (["dep-1", "--replace"], "name the version that shall take the place, with --version"),
            (["dep-1", "--replace", "--version", "2", "--namespace", "x"], "--namespace cannot be used"),
            (["dep-1", "--replace", "--version", "2", "--target", "x"], "--target cannot be used"),
            (["--model", "churn", "-r", "numpy"], "--requirement cannot be used: there is no script"),
            (["train.py", "--version", "3"], "--version cannot be used: a script makes a new version"),
            (["train.py", "--no-wait", "--wait-seconds", "3"], "--wait-seconds has no meaning with --no-wait"),
        ],
    )
    def test_options_that_do_not_go_together_are_usage_errors(
        self, standin: StandIn, run: Run, arguments: list[str], sentence: str
    ) -> None:
        ended = run("deploy", *arguments)
        assert (ended.exit_code, standin.seen) == (2, [])
        assert sentence in ended.err
