import json
from typing import Any

import pytest
from cli_run import Run

JOB = (
    *("predict-job", "http://gateway:8080/churn", "/data/rows.parquet", "-o", "/data/scores.parquet"),
    *("--version", "3", "--image", "client:1", "--claim", "customers"),
)


class TestJob:
    def job(self, run: Run, *more: str) -> Any:
        ended = run(*JOB, "--shares", "8", *more)
        assert ended.exit_code == 0, ended.err
        return json.loads(ended.out)

    def test_it_is_indexed_with_a_pod_for_each_share(self, run: Run) -> None:
        spec = self.job(run, "--parallel", "20", "--seconds", "60")["spec"]

        assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 8, 8)
        assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (6, 60)
        container = spec["template"]["spec"]["containers"][0]
        assert container["command"] == [
            *("modelyard", "predict", "http://gateway:8080/churn", "/data/rows.parquet"),
            *("--output", "/data/scores.parquet", "--version", "3", "--share", "$(JOB_COMPLETION_INDEX)/8"),
        ]
        assert container["resources"]["limits"] == {"memory": "1024Mi", "cpu": "1.0"}

    def test_its_pods_have_no_rights_and_their_key_from_a_secret(self, run: Run) -> None:
        pod = self.job(run, "--key-secret", "churn-key")["spec"]["template"]["spec"]

        assert (pod["restartPolicy"], pod["automountServiceAccountToken"]) == ("Never", False)
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
        found = {one["name"]: one.get("valueFrom") for one in pod["containers"][0]["env"]}
        assert found["MODELYARD_SUBSCRIPTION_KEY"] == {"secretKeyRef": {"name": "churn-key", "key": "key"}}

    def test_a_column_that_looks_like_a_variable_stays_what_it_is(self, run: Run) -> None:
        command = self.job(run, "--drop", "$(HOME)")["spec"]["template"]["spec"]["containers"][0]["command"]

        assert "$$(HOME)" in command

    @pytest.mark.parametrize(
        ("before", "after", "reason"),
        [
            ("http://gateway:8080/churn", "churn", "expected the address of a model"),
            ("/data/rows.parquet", "/other/rows.parquet", "expected a path below /data"),
            ("/data/rows.parquet", "/data/../rows.parquet", "expected a path below /data"),
            ("/data/scores.parquet", "/data/scores.csv", "shares need Parquet or Arrow IPC"),
        ],
    )
    def test_what_pods_could_not_do_is_refused(self, run: Run, before: str, after: str, reason: str) -> None:
        ended = run(*(after if word == before else word for word in JOB), "--shares", "8")

        assert ended.exit_code == 2
        assert reason in " ".join(ended.err.split())
