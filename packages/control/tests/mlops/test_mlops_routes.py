"""`/mlops` over HTTP: uploads in both forms, jobs, their logs, the catalogue, the platform's state."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from notebook_files import code_cell, notebook_text

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.errors import ModelyardError
from modelyard.gateway_node.control_plane import NodeReport
from modelyard.jobs.domain import Job
from modelyard.jobs.log import BEFORE_RUN
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.training import kinds
from modelyard.training.kinds import TRAINING

UPLOAD = {"script_name": "train_iris.py", "script_content": "print('hi')\n"}
ONE_CLICK = UPLOAD | {"model_name": "iris", "requirements": ["scikit-learn"], "replicas": 2}
SCRIPT = {"script": ("folder/train_iris.py", b"print('hi')\n")}

NODE = NodeReport(
    running="a" * 64, is_serving=True, host="127.0.0.1", port=8080, tls_port=None, envoy_version=None, problem=None
)


def request_of(control_plane: ControlPlane, alice: Principal, job_id: str) -> dict[str, Any]:
    return dict(control_plane.jobs.get(alice, job_id).request)


@pytest.fixture
def job(control_plane: ControlPlane, alice: Principal) -> Job:
    """A one-click job that runs."""
    request = {"experiment_name": "flowers"}
    job = control_plane.jobs.create(
        alice, kind=kinds.ONE_CLICK, model_name="iris", request=request, experiment_name="flowers"
    )
    control_plane.jobs.begin(job.job_id)
    return job


class TestUpload:
    def test_a_script_as_json_is_a_queued_job(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal
    ) -> None:
        response = client.post("/mlops/training/upload", json=UPLOAD | {"requirements": ["scikit-learn >=1.5"]})
        assert response.status_code == 202
        body = response.json()
        assert body.keys() == {"job_id", "model_name", "status", "message"}
        assert (body["model_name"], body["status"]) == ("train-iris", "queued")
        assert request_of(control_plane, alice, body["job_id"]) == UPLOAD | {
            "script_sha256": hashlib.sha256(UPLOAD["script_content"].encode()).hexdigest(),
            "requirements": ["scikit-learn>=1.5"],
            "experiment_name": "train-iris",
            "logged_model": None,
            "timeout_seconds": None,
        }

    @pytest.mark.parametrize(
        "requirements",
        [
            ["scikit-learn>=1.5", "pandas"],
            ['["scikit-learn>=1.5", "pandas"]'],
            ["scikit-learn>=1.5 # as ever\n\npandas\n"],
        ],
        ids=["a field for each", "a JSON list", "a requirements file"],
    )
    def test_a_script_as_a_file_of_a_form_is_the_same(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal, requirements: list[str]
    ) -> None:
        fields = {"requirements": requirements, "model_name": "iris", "experiment_name": "", "timeout_seconds": "2.5"}
        response = client.post("/mlops/training/upload", data=fields, files=SCRIPT)
        assert response.status_code == 202
        assert request_of(control_plane, alice, response.json()["job_id"]) == UPLOAD | {
            "script_sha256": hashlib.sha256(UPLOAD["script_content"].encode()).hexdigest(),
            "requirements": ["scikit-learn>=1.5", "pandas"],
            "experiment_name": "iris",
            "logged_model": None,
            "timeout_seconds": 2.5,
        }

    @pytest.mark.parametrize(
        ("fields", "files", "field"),
        [
            ({}, {}, "script"),
            ({"script": "print()"}, {}, "script"),
            ({"replicas": "2"}, SCRIPT, "replicas"),
            ({"script_name": "other.py"}, SCRIPT, "script_name"),
            ({"model_name": ["a", "b"]}, SCRIPT, "model_name"),
            ({"model_name": "A/B"}, SCRIPT, "model_name"),
            ({"requirements": "[1"}, SCRIPT, "requirements"),
            ({"requirements": "[1]"}, SCRIPT, "requirements.0"),
            ({"requirements": "-e ."}, SCRIPT, "requirements.0"),
            ({"timeout_seconds": "soon"}, SCRIPT, "timeout_seconds"),
            ({"timeout_seconds": "nan"}, SCRIPT, "timeout_seconds"),
            ({"timeout_seconds": "-1"}, SCRIPT, "timeout_seconds"),
            ({}, {"script": ("train.py", b"\xff")}, "script"),
            ({}, {"script": ("train.py", b"x" * (1024 * 1024 + 1))}, "script"),
            ({}, {"script": ("train.sh", b"print()")}, "script_name"),
            ({}, {"script": ("train.py", b"a\x00b")}, "script_content"),
            ({}, {"script": ("train.py", b" \n")}, "script_content"),
            ({}, SCRIPT | {"requirements": ("requirements.txt", b"pandas")}, "requirements"),
        ],
    )
    def test_a_form_that_is_not_one_names_the_field(
        self, client: TestClient, fields: dict[str, Any], files: dict[str, Any], field: str
    ) -> None:
        # A form is multipart only with a file in it, so one that nobody asked for makes the empty ones.
        response = client.post("/mlops/training/upload", data=fields, files=files or {"other": b""})
        assert response.status_code == 400
        assert response.json()["field"] == (field if files else "other")

    @pytest.mark.parametrize(
        ("script_name", "model_name"), [("2nd_try.py", "2nd-try"), ("My script.py", "my script"), ("a:b.py", "a-b")]
    )
    def test_a_model_that_nobody_named_is_called_as_the_script(
        self, client: TestClient, script_name: str, model_name: str
    ) -> None:
        response = client.post("/mlops/training/upload", json=UPLOAD | {"script_name": script_name})
        assert (response.status_code, response.json()["model_name"]) == (202, model_name)

    def test_a_notebook_as_a_file_of_a_form_is_taken_with_its_parameters(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal
    ) -> None:
        notebook = notebook_text(code_cell("depth = 1", tags=["parameters"]), "fit(depth)").encode()
        files = {"script": ("my_note.ipynb", notebook)}
        taken = client.post("/mlops/training/upload", data={"parameters": '{"depth": 8}'}, files=files)
        refused = client.post("/mlops/training/upload", data={"parameters": '{"width": 8}'}, files=files)
        broken = client.post("/mlops/training/upload", files={"script": ("my_note.ipynb", b"{}")})

        assert (taken.status_code, taken.json()["model_name"]) == (202, "my-note")
        job = client.get(f"/mlops/jobs/{taken.json()['job_id']}").json()
        assert (job["source"]["script_name"], job["source"]["parameters"]) == ("my_note.ipynb", {"depth": 8})
        assert (refused.status_code, refused.json()["field"]) == (400, "parameters.width")
        assert (broken.status_code, broken.json()["code"]) == (400, "notebook_invalid")
        for name in ("notebook", "notebook.html"):
            absent = client.get(f"/mlops/jobs/{taken.json()['job_id']}/{name}")
            assert (absent.status_code, absent.json()["code"]) == (404, "notebook_not_found")

    def test_a_fault_of_the_scripts_name_is_no_fault_of_the_models(self, client: TestClient) -> None:
        response = client.post("/mlops/training/upload", json=UPLOAD | {"script_name": "train.txt"})
        assert (response.status_code, response.json()["field"]) == (400, "script_name")


class TestDeploy:
    def test_one_click_is_answered_at_once(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal
    ) -> None:
        response = client.post("/mlops/deploy", json=ONE_CLICK | {"namespace": "team-a", "experiment_name": "flowers"})
        assert response.status_code == 202
        body = response.json()
        assert (body["model_name"], body["status"]) == ("iris", "training")
        job = control_plane.jobs.get(alice, body["job_id"])
        assert (job.kind, job.created_by) == (kinds.ONE_CLICK, "admin")
        assert job.request.items() >= {"replicas": 2, "namespace": "team-a", "experiment_name": "flowers"}.items()

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"replicas": 0}, "replicas"),
            ({"replicas": 65}, "replicas"),
            ({"replicas": "2"}, "replicas"),
            ({"replicas": 2.0}, "replicas"),
            ({"namespace": ""}, "namespace"),
            ({"namespace": "Team/A"}, "namespace"),
            ({"experiment_name": ""}, "experiment_name"),
            ({"model_name": None}, "model_name"),
            ({"requirements": "scikit-learn"}, "requirements"),
            ({"requirements": ["a", "http://evil/x.whl"]}, "requirements.1"),
            ({"timeout_seconds": 0}, "timeout_seconds"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_a_field_that_is_wrong_is_named(self, client: TestClient, change: dict[str, Any], field: str) -> None:
        response = client.post("/mlops/deploy", json=ONE_CLICK | change)
        assert (response.status_code, response.json()["field"]) == (400, field)

    def test_the_same_key_and_request_is_the_same_job(self, client: TestClient) -> None:
        headers = {"Idempotency-Key": "k"}
        first = client.post("/mlops/deploy", json=ONE_CLICK, headers=headers)
        again = client.post("/mlops/deploy", json=ONE_CLICK, headers=headers)
        assert first.json() == again.json()
        other = client.post("/mlops/deploy", json=ONE_CLICK | {"replicas": 3}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")

    @pytest.mark.parametrize("key", ["", "k" * 201])
    def test_a_key_that_is_none_is_refused(self, client: TestClient, key: str) -> None:
        response = client.post("/mlops/deploy", json=ONE_CLICK, headers={"Idempotency-Key": key})
        assert (response.status_code, response.json()["field"]) == (400, "idempotency-key")


class TestJobs:
    def test_a_deployment_job_goes_through_the_contracts_words(
        self, client: TestClient, control_plane: ControlPlane, job: Job
    ) -> None:
        reported = [client.get(f"/mlops/deployments/{job.job_id}").json()["status"]]
        for phase in kinds.ONE_CLICK.phases:
            control_plane.jobs.enter(job.job_id, phase)
            reported.append(client.get(f"/mlops/deployments/{job.job_id}").json()["status"])
        assert reported == [
            "training",
            "training",
            "registering",
            "building",
            "deploying",
            "deploying",
        ]  # Until it has ended.

    def test_a_deployed_one_tells_what_the_contract_asks_for(
        self, client: TestClient, control_plane: ControlPlane, clock: ManualClock, job: Job
    ) -> None:
        clock.sleep(12.5)
        result = {"model_version": 3, "run_id": "r", "deployment_id": "dep-1", "image": "bundle:iris-v3@sha256:1"}
        control_plane.jobs.succeed(job.job_id, deployment_url="http://10.0.0.7:8100", **result)
        control_plane.gateway.publishing.note_report("node-1", NODE)
        body = client.get(f"/mlops/deployments/{job.job_id}").json()
        assert (
            body.items()
            >= {
                "job_id": job.job_id,
                "status": "deployed",
                "deployment_url": "http://10.0.0.7:8100",
                "api_url": "http://127.0.0.1:8080/iris",
                "external_ip": "10.0.0.7",
                "model_version": "3",
                "run_id": "r",
                "ecr_image": "bundle:iris-v3@sha256:1",
                "duration_seconds": 12.5,
                "experiment_name": "flowers",
                "error": None,
            }.items()
        )
        assert client.get(f"/mlops/jobs/{job.job_id}").json()["status"] == "succeeded"

    def test_one_that_failed_tells_why(self, client: TestClient, control_plane: ControlPlane, job: Job) -> None:
        control_plane.jobs.fail(job.job_id, ModelyardError("the script failed: boom", code="script_failed"))
        body = client.get(f"/mlops/deployments/{job.job_id}").json()
        assert body["status"] == "failed"
        assert body["error"] == {"code": "script_failed", "message": "the script failed: boom", "remedy": None}

    def test_a_training_job_is_not_a_deployment_job(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal
    ) -> None:
        job = control_plane.jobs.create(alice, kind=TRAINING, model_name="iris", request={}, experiment_name=None)
        assert client.get(f"/mlops/training/jobs/{job.job_id}").status_code == 200
        assert client.get(f"/mlops/deployments/{job.job_id}").status_code == 404

    def test_lists_are_pages_with_filters(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal, job: Job
    ) -> None:
        made = [
            control_plane.jobs.create(alice, kind=TRAINING, model_name="iris", request={}, experiment_name=None).job_id
            for _ in range(3)
        ]
        first = client.get("/mlops/training/jobs", params={"limit": 2}).json()
        second = client.get("/mlops/training/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
        assert sorted(item["job_id"] for item in first["jobs"] + second["jobs"]) == sorted(made)
        assert second["next_cursor"] is None
        found = client.get(
            "/mlops/jobs", params={"kind": "one_click", "status": "running", "model_name": "iris"}
        ).json()
        assert [item["job_id"] for item in found["jobs"]] == [job.job_id]

    def test_cancelling_is_accepted_once_it_has_not_ended(
        self, client: TestClient, control_plane: ControlPlane, job: Job
    ) -> None:
        assert client.post(f"/mlops/jobs/{job.job_id}/cancel").status_code == 202
        control_plane.jobs.end_cancelled(job.job_id)
        response = client.post(f"/mlops/jobs/{job.job_id}/cancel")
        assert (response.status_code, response.json()["code"]) == (409, "job_finished")

    def test_a_log_is_text_or_events_from_where_one_was_cut_off(
        self, client: TestClient, control_plane: ControlPlane, job: Job
    ) -> None:
        control_plane.jobs.log(job.job_id).write(BEFORE_RUN, "Resolved 3 packages")
        control_plane.jobs.succeed(job.job_id)
        path = f"/mlops/jobs/{job.job_id}/log"
        assert client.get(path).text == "Resolved 3 packages\ndone\n"
        assert client.get(path, params={"offset": 20}).text == "done\n"
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "20"}
        response = client.get(path, headers=headers)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.text == (
            'id: 25\nevent: log\ndata: done\n\nid: 25\nevent: end\ndata: {"status": "succeeded"}\n\n'
        )

    @pytest.mark.parametrize("path", ["", "/log"])
    def test_a_job_of_another_tenant_is_not_there(
        self, client: TestClient, control_plane: ControlPlane, stranger: Principal, path: str
    ) -> None:
        job = control_plane.jobs.create(stranger, kind=TRAINING, model_name="iris", request={}, experiment_name=None)
        assert client.get(f"/mlops/jobs/{job.job_id}{path}").status_code == 404


class TestCatalogue:
    def test_registering_by_hand_answers_the_version(
        self, client: TestClient, log_model: Callable[..., LoggedModel]
    ) -> None:
        logged = log_model(metrics={"auc": 0.5, "loss": float("nan")})
        body = {"name": "iris", "run_id": logged.run_id, "tags": {"team": "a"}, "metrics": {"f1": 1}}
        response = client.post("/mlops/registry", json=body)
        assert response.status_code == 201
        version = response.json()
        assert (version["name"], version["version"], version["stage"]) == ("iris", 1, "none")
        assert version["metrics"] == {"auc": 0.5, "loss": None, "f1": 1.0}
        assert version["tags"] == {"by": "me", "team": "a"}

    def test_what_cannot_be_registered_says_why(self, client: TestClient, tracking: FakeTracking) -> None:
        for body, status, code in (
            ({"name": "iris"}, 400, "source_invalid"),
            ({"name": "a/b", "run_id": "r"}, 400, "model_name_invalid"),
            ({"name": "iris", "run_id": "f" * 32}, 404, "not_tracked"),
            ({"name": "iris", "model_uri": "file:///etc/passwd"}, 400, "model_uri_invalid"),
            ({"name": "iris", "run_id": tracking.log_run("iris")}, 400, "no_model_logged"),
            ({"name": "iris", "run_id": "f" * 32, "tags": {"modelyard.script_sha256": "a"}}, 400, "tags_invalid"),
        ):
            response = client.post("/mlops/registry", json=body)
            assert (response.status_code, response.json()["code"]) == (status, code)

    def test_a_tracker_that_is_away_is_reported_as_such(self, client: TestClient, tracking: FakeTracking) -> None:
        tracking.is_available = False
        response = client.post("/mlops/registry", json={"name": "iris", "run_id": "f" * 32})
        assert (response.status_code, response.json()["code"]) == (503, "tracking_unavailable")

    def test_models_are_listed_and_looked_at(self, client: TestClient, log_model: Callable[..., LoggedModel]) -> None:
        for name in ("iris", "iris", "digits"):
            client.post("/mlops/registry", json={"name": name, "run_id": log_model().run_id})
        listed = client.get("/mlops/models").json()
        assert [(model["name"], model["latest_version"]) for model in listed["models"]] == [("digits", 1), ("iris", 2)]
        one = client.get("/mlops/models/iris").json()
        assert [version["version"] for version in one["versions"]] == [2, 1]
        assert {key: value for key, value in one.items() if key != "versions"} == listed["models"][1]
        assert client.get("/mlops/models/none").json()["code"] == "model_not_found"


class TestPlatform:
    def test_its_parts_and_counts_are_reported(
        self, client: TestClient, control_plane: ControlPlane, clock: ManualClock, job: Job
    ) -> None:
        client.get("/mlops/status")
        clock.sleep(60)
        body = client.get("/mlops/status").json()
        assert (body["status"], body["jobs"], body["models"], body["deployments"]) == ("ok", {"running": 1}, 0, {})
        assert {name: part["status"] for name, part in body["components"].items()} == {
            "database": "ok",
            "mlflow": "ok",
            "target": "ok",
            "isolation": "ok",
        }
        assert body["uptime_seconds"] == 60

    def test_a_part_that_is_away_degrades_it(
        self, client: TestClient, tracking: FakeTracking, target: FakeTarget
    ) -> None:
        tracking.is_available = False
        target.is_answering = False
        body = client.get("/mlops/status").json()
        assert body["status"] == "degraded"
        assert body["components"]["mlflow"]["status"] == "unavailable"
        assert body["components"]["target"]["status"] == "unavailable"
        assert body["components"]["database"]["status"] == "ok"

    def test_there_is_no_inference(self, client: TestClient) -> None:
        response = client.post("/mlops/inference", json={"inputs": [[1]]})
        assert (response.status_code, response.json()["code"]) == (404, "not_found")

    def test_answers_are_strict_json(self, client: TestClient, log_model: Callable[..., LoggedModel]) -> None:
        client.post("/mlops/registry", json={"name": "iris", "run_id": log_model(metrics={"x": float("inf")}).run_id})

        def refuse(word: str) -> None:
            raise AssertionError(word)

        json.loads(client.get("/mlops/models/iris").text, parse_constant=refuse)
