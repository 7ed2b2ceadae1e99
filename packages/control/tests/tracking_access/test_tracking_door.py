"""The tracking server behind our access, asked over HTTP by people, by runs and by nobody."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import mlflow
import pytest
from guarded_tracker import API, SERVICE, Tracker, tracker

from modelyard.jobs.states import JobStatus
from modelyard.tracker_names import JOB_TAG
from modelyard.training.kinds import Phase

__all__ = ["tracker"]

FILES = "/api/2.0/mlflow-artifacts/artifacts"
Json = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A job that trains, with the run and the logged model that its script has made."""

    token: str
    experiment_id: str
    run_id: str
    model_id: str


@pytest.fixture(scope="module")
def mine(tracker: Tracker) -> Job:
    return _trained(tracker, "job-mine", experiment="churn")


@pytest.fixture(scope="module")
def other(tracker: Tracker) -> Job:
    """Another job of the same tenant, in the same experiment."""
    return _trained(tracker, "job-other", experiment="churn", model_name="fraud")


@pytest.fixture(scope="module")
def theirs(tracker: Tracker) -> Job:
    """A job of another tenant."""
    return _trained(tracker, "job-theirs", experiment="acme--churn", tenant_id="acme")


def _trained(
    tracker: Tracker, job_id: str, *, experiment: str, tenant_id: str = "default", model_name: str = "churn"
) -> Job:
    token = tracker.put_job(job_id, tenant_id=tenant_id, model_name=model_name)
    found = tracker.ask(
        tracker.signer.platform_token(), "GET", f"{API}/experiments/get-by-name", params={"experiment_name": experiment}
    )
    if found.status_code == 200:
        experiment_id = found.json()["experiment"]["experiment_id"]
    else:
        experiment_id = tracker.platform("POST", "experiments/create", {"name": experiment})["experiment_id"]
    run = tracker.ask(token, "POST", f"{API}/runs/create", json={"experiment_id": experiment_id})
    assert run.status_code == 200, run.text
    run_id = run.json()["run"]["info"]["run_id"]
    body = {"experiment_id": experiment_id, "name": "model", "source_run_id": run_id}
    model = tracker.ask(token, "POST", f"{API}/logged-models", json=body)
    assert model.status_code == 200, model.text
    model_id = model.json()["model"]["info"]["model_id"]
    ready = tracker.ask(token, "PATCH", f"{API}/logged-models/{model_id}", json={"model_id": model_id, "status": 2})
    assert ready.status_code == 200, ready.text
    for path in (f"{experiment_id}/{run_id}/artifacts/a.txt", f"{experiment_id}/models/{model_id}/artifacts/MLmodel"):
        assert tracker.ask(token, "PUT", f"{FILES}/{path}", content=b"content").status_code == 200
    return Job(token, experiment_id, run_id, model_id)


def metric(run_id: str) -> Json:
    return {"run_id": run_id, "key": "accuracy", "value": 0.99, "timestamp": 1, "step": 0}


def run_of(tracker: Tracker, run_id: str) -> Json:
    answer = tracker.ask(tracker.signer.platform_token(), "GET", f"{API}/runs/get", params={"run_id": run_id})
    return dict(answer.json()["run"]["data"])


class TestTheDoor:
    @pytest.mark.parametrize(
        "path", ["/", f"{API}/experiments/search?max_results=9", "/graphql", "/metrics", "/no/such"]
    )
    def test_nobody_gets_an_answer(self, tracker: Tracker, path: str) -> None:
        answer = tracker.ask(None, "GET", path)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.json()["error_code"] == "UNAUTHENTICATED"

    def test_the_health_is_everybodys(self, tracker: Tracker) -> None:
        assert tracker.ask(None, "GET", "/health").status_code == 200

    @pytest.mark.parametrize("token", ["my_wrong", "mr_job-mine/1.9999999999.wrong", "mp_wrong", "mr_", "é"])
    def test_a_wrong_token_opens_nothing(self, tracker: Tracker, token: str) -> None:
        encoded = base64.b64encode(f"x:{token}".encode()).decode()

        answer = tracker.ask(None, "GET", "/", headers={"Authorization": f"Basic {encoded}"})

        assert answer.status_code == 401

    def test_a_browser_comes_with_the_token_as_password(self, tracker: Tracker) -> None:
        answer = httpx.get(f"{tracker.url}/version", auth=("anybody", tracker.people["operator"]))

        assert answer.status_code == 200

    @pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
    def test_a_foreign_page_is_refused_before_it_is_asked_who_it_is(
        self, tracker: Tracker, headers: dict[str, str]
    ) -> None:
        answer = tracker.ask(tracker.people["operator"], "POST", f"{API}/runs/create", headers=headers, json={})

        assert answer.status_code == 403

    @pytest.mark.parametrize("headers", [{}, {"Origin": f"http://{SERVICE}"}])
    def test_a_name_that_the_operator_allows_is_a_name_of_the_tracker(
        self, tracker: Tracker, headers: dict[str, str]
    ) -> None:
        named = {"Host": SERVICE, **headers}
        body = {"name": f"from-{len(headers)}"}
        answer = tracker.ask(tracker.people["operator"], "POST", f"{API}/experiments/create", headers=named, json=body)

        assert answer.status_code == 200, answer.text


class TestAHostileRun:
    """What a script may not do with its own token. The answer is a refusal, and nothing has changed."""

    def test_it_cannot_write_what_another_job_measured(self, tracker: Tracker, mine: Job, other: Job) -> None:
        tag = {"key": "note", "value": "x"}
        tries: list[tuple[str, Json]] = [
            ("runs/log-metric", metric(other.run_id)),
            ("runs/log-metric", {**metric(""), "run_uuid": other.run_id}),
            ("runs/log-metric", {**metric(mine.run_id), "run_id": "", "runId": other.run_id}),
            ("runs/log-metric", {**metric(mine.run_id), "run_uuid": other.run_id}),
            ("runs/log-metric", {**metric(mine.run_id), "model_id": other.model_id}),
            ("runs/log-batch", {"run_id": other.run_id, "metrics": [metric("")]}),
            ("runs/log-batch", {"run_id": mine.run_id, "metrics": [{**metric(""), "modelId": other.model_id}]}),
            ("runs/log-parameter", {"run_id": other.run_id, "key": "depth", "value": "1"}),
            ("runs/set-tag", {"run_id": other.run_id, **tag}),
            ("runs/update", {"run_id": other.run_id, "status": "FAILED"}),
            ("runs/outputs", {"run_id": mine.run_id, "models": [{"model_id": other.model_id, "step": 0}]}),
            ("runs/delete", {"run_id": other.run_id}),
            ("runs/delete", {"run_id": mine.run_id}),
            ("logged-models", {"experiment_id": mine.experiment_id, "name": "m", "source_run_id": other.run_id}),
            (f"logged-models/{other.model_id}/params", {"params": [{"key": "a", "value": "b"}]}),
        ]
        before = run_of(tracker, other.run_id)

        answers = [tracker.ask(mine.token, "POST", f"{API}/{path}", json=body).status_code for path, body in tries]

        assert answers == [403, 403, 400, *[403] * (len(tries) - 3)]  # 400: one field by two names.
        assert run_of(tracker, other.run_id) == before

    def test_it_cannot_claim_another_jobs_marks(self, tracker: Tracker, mine: Job) -> None:
        marks = [{"key": JOB_TAG, "value": "job-other"}, {"key": "own", "value": "yes"}]
        body = {"experiment_id": mine.experiment_id, "tags": marks}

        made = tracker.ask(mine.token, "POST", f"{API}/runs/create", json=body).json()["run"]["info"]["run_id"]
        later = tracker.ask(
            mine.token, "POST", f"{API}/runs/set-tag", json={"run_id": made, "key": JOB_TAG, "value": "job-other"}
        )
        batch = tracker.ask(mine.token, "POST", f"{API}/runs/log-batch", json={"run_id": made, "tags": marks})

        tags = {tag["key"]: tag["value"] for tag in run_of(tracker, made)["tags"]}
        assert (tags[JOB_TAG], tags["own"], later.status_code, batch.status_code) == ("job-mine", "yes", 403, 403)

    def test_it_cannot_change_experiments(self, tracker: Tracker, mine: Job) -> None:
        tries: list[tuple[str, Json]] = [
            ("experiments/delete", {"experiment_id": mine.experiment_id}),
            ("experiments/update", {"experiment_id": mine.experiment_id, "new_name": "mine"}),
            ("experiments/set-experiment-tag", {"experiment_id": mine.experiment_id, "key": "a", "value": "b"}),
            ("experiments/create", {"name": "elsewhere", "artifact_location": "mlflow-artifacts:/1"}),
        ]

        answers = [tracker.ask(mine.token, "POST", f"{API}/{path}", json=body).status_code for path, body in tries]

        assert answers == [403] * len(tries)

    def test_another_tenants_things_are_not_there(self, tracker: Tracker, mine: Job, theirs: Job) -> None:
        files = f"{FILES}/{theirs.experiment_id}"
        tries: list[tuple[str, str, Json]] = [
            ("GET", f"{API}/runs/get", {"params": {"run_id": theirs.run_id}}),
            ("POST", f"{API}/runs/create", {"json": {"experiment_id": theirs.experiment_id}}),
            ("POST", f"{API}/runs/search", {"json": {"experiment_ids": [theirs.experiment_id]}}),
            ("POST", f"{API}/runs/search", {"json": {"experimentIds": [mine.experiment_id, theirs.experiment_id]}}),
            ("POST", f"{API}/logged-models/search", {"json": {"experiment_ids": [theirs.experiment_id]}}),
            ("GET", f"{API}/logged-models/{theirs.model_id}", {}),
            ("GET", f"{API}/experiments/get", {"params": {"experiment_id": theirs.experiment_id}}),
            ("GET", f"{API}/artifacts/list", {"params": {"run_id": theirs.run_id}}),
            ("GET", f"{files}/{theirs.run_id}/artifacts/a.txt", {}),
            ("GET", f"{files}/models/{theirs.model_id}/artifacts/MLmodel", {}),
            ("GET", FILES, {"params": {"path": theirs.experiment_id}}),
            ("GET", f"/get-artifact?run_uuid={theirs.run_id}&path=a.txt", {}),
            ("POST", f"{API}/runs/log-metric", {"json": metric(theirs.run_id)}),
        ]

        answers = [tracker.ask(mine.token, method, path, **sent).status_code for method, path, sent in tries]

        assert answers == [404] * len(tries)

    @pytest.mark.parametrize(
        "path",
        [
            "{experiment}/{other_run}/artifacts/a.txt",
            "{experiment}/models/{other_model}/artifacts/MLmodel",
            "{experiment}/{my_run}/artifacts/../../{other_run}/artifacts/a.txt",
            "{experiment}/{my_run}/artifacts/%2e%2e/%2e%2e/{other_run}/artifacts/a.txt",
            "{experiment}/{my_run}/artifacts/%252e%252e/x",
            "0/{my_run}/artifacts/a.txt",
            "{experiment}/stray.txt",
        ],
    )
    def test_it_cannot_put_files_where_they_are_not_its_own(
        self, tracker: Tracker, mine: Job, other: Job, path: str
    ) -> None:
        filled = path.format(
            experiment=mine.experiment_id, my_run=mine.run_id, other_run=other.run_id, other_model=other.model_id
        )
        url = httpx.URL(f"{tracker.url}").copy_with(raw_path=f"{FILES}/{filled}".encode())

        with tracker.client(mine.token) as client:
            answer = client.put(url, content=b"forged")

        assert answer.status_code in {400, 403}
        kept = tracker.ask(mine.token, "GET", f"{FILES}/{mine.experiment_id}/{other.run_id}/artifacts/a.txt")
        assert kept.content == b"content"

    def test_it_registers_its_own_model_under_its_jobs_name_only(
        self, tracker: Tracker, mine: Job, other: Job, theirs: Job
    ) -> None:
        tracker.platform("POST", "registered-models/create", {"name": "fraud"})
        made = tracker.ask(mine.token, "POST", f"{API}/registered-models/create", json={"name": "churn"})
        version = {"name": "churn", "source": f"models:/{mine.model_id}", "model_id": mine.model_id}
        good = tracker.ask(mine.token, "POST", f"{API}/model-versions/create", json=version)
        assert (made.status_code, good.status_code) == (200, 200), good.text
        tries: list[tuple[str, str, Json]] = [
            ("POST", "registered-models/create", {"name": "another"}),
            ("POST", "model-versions/create", {**version, "name": "fraud"}),
            ("POST", "model-versions/create", {"name": "churn", "source": f"models:/{other.model_id}"}),
            ("POST", "model-versions/create", {**version, "run_id": other.run_id}),
            ("POST", "model-versions/create", {"name": "churn", "source": "/etc", "run_id": mine.run_id}),
            ("POST", "model-versions/create", {**version, "tags": [{"key": "modelyard.version", "value": "1"}]}),
            ("POST", "registered-models/alias", {"name": "churn", "alias": "production", "version": "1"}),
            ("POST", "model-versions/set-tag", {"name": "churn", "version": "1", "key": "a", "value": "b"}),
            ("DELETE", "registered-models/delete", {"name": "churn"}),
            ("POST", "model-versions/transition-stage", {"name": "churn", "version": "1", "stage": "Production"}),
        ]

        answers = [tracker.ask(mine.token, method, f"{API}/{path}", json=body) for method, path, body in tries]

        assert [answer.status_code for answer in answers] == [403] * len(tries)
        assert "registers the model 'churn' only" in answers[0].json()["message"]
        assert theirs.token != mine.token

    @pytest.mark.parametrize(
        "path",
        ["/graphql", "/api/2.0/mlflow/webhooks", "/api/3.0/mlflow/gateway/secrets/create", "/v1/traces", "/metrics"],
    )
    def test_what_no_rule_speaks_of_is_refused(self, tracker: Tracker, mine: Job, path: str) -> None:
        assert tracker.ask(mine.token, "POST", path, json={}).status_code == 403

    def test_its_token_ends_with_it(self, tracker: Tracker) -> None:
        token = tracker.put_job("job-ending")
        assert tracker.ask(token, "GET", "/version").status_code == 200

        expired = tracker.token_of("job-ending", minutes=-1)
        never = tracker.put_job("job-queued", status=JobStatus.QUEUED)
        after = tracker.put_job("job-registering", phase=Phase.REGISTERING)
        ended = tracker.put_job("job-ended", status=JobStatus.FAILED)

        answers = [tracker.ask(each, "GET", "/version").status_code for each in (expired, never, after, ended)]
        assert answers == [401] * 4

    def test_another_tenants_script_calls_its_experiment_and_its_model_as_its_author_does(
        self, tracker: Tracker, theirs: Job
    ) -> None:
        found = tracker.ask(theirs.token, "GET", f"{API}/experiments/get-by-name", params={"experiment_name": "churn"})
        made = tracker.ask(theirs.token, "POST", f"{API}/registered-models/create", json={"name": "churn"})

        assert found.json()["experiment"]["name"] == "acme--churn"
        assert made.json()["registered_model"]["name"] == "acme--churn"


class TestPeople:
    def test_nobody_but_its_run_writes_what_a_job_measured(self, tracker: Tracker, mine: Job) -> None:
        tries: list[tuple[str, Json]] = [
            ("runs/log-metric", metric(mine.run_id)),
            ("runs/log-batch", {"run_id": mine.run_id, "metrics": [metric("")]}),
            ("runs/set-tag", {"run_id": mine.run_id, "key": JOB_TAG, "value": "job-other"}),
            ("runs/delete", {"run_id": mine.run_id}),
        ]
        for name in ("operator", "default developer"):
            answers = [
                tracker.ask(tracker.people[name], "POST", f"{API}/{path}", json=body).status_code
                for path, body in tries
            ]
            assert answers == [403] * len(tries)
        note = {"run_id": mine.run_id, "key": "mlflow.note.content", "value": "looks good"}
        assert tracker.ask(tracker.people["operator"], "POST", f"{API}/runs/set-tag", json=note).status_code == 200

    def test_a_developer_logs_runs_of_their_own(self, tracker: Tracker) -> None:
        developer = tracker.people["default developer"]
        made = tracker.ask(developer, "POST", f"{API}/experiments/create", json={"name": "by-hand"}).json()
        body = {"experiment_id": made["experiment_id"]}
        run_id = tracker.ask(developer, "POST", f"{API}/runs/create", json=body).json()["run"]["info"]["run_id"]
        marked = tracker.ask(
            developer, "POST", f"{API}/runs/create", json={**body, "tags": [{"key": JOB_TAG, "value": "job-mine"}]}
        )

        assert tracker.ask(developer, "POST", f"{API}/runs/log-metric", json=metric(run_id)).status_code == 200
        assert marked.status_code == 403

    def test_a_viewer_reads_and_does_not_write(self, tracker: Tracker, mine: Job) -> None:
        viewer = tracker.people["default viewer"]

        assert tracker.ask(viewer, "GET", f"{API}/runs/get", params={"run_id": mine.run_id}).status_code == 200
        for path, body in (
            ("runs/create", {"experiment_id": mine.experiment_id}),
            ("experiments/create", {"name": "viewers"}),
            ("registered-models/create", {"name": "viewers"}),
            ("runs/set-tag", {"run_id": mine.run_id, "key": "a", "value": "b"}),
        ):
            assert tracker.ask(viewer, "POST", f"{API}/{path}", json=body).status_code == 403

    def test_a_member_sees_what_is_their_tenants(self, tracker: Tracker, mine: Job, theirs: Job) -> None:
        tracker.ask(mine.token, "POST", f"{API}/registered-models/create", json={"name": "churn"})
        tracker.ask(theirs.token, "POST", f"{API}/registered-models/create", json={"name": "churn"})

        def names(who: str, path: str, field: str) -> set[str]:
            answer = tracker.ask(tracker.people[who], "GET", f"{API}/{path}", params={"max_results": 100})
            return {each["name"] for each in answer.json().get(field, [])}

        assert names("acme developer", "experiments/search", "experiments") == {"acme--churn"}
        assert names("acme developer", "registered-models/search", "registered_models") == {"acme--churn"}
        assert "acme--churn" not in names("default developer", "experiments/search", "experiments")
        assert {"churn", "acme--churn"} <= names("operator", "experiments/search", "experiments")
        strange = tracker.ask(tracker.people["acme admin"], "GET", f"{API}/runs/get", params={"run_id": mine.run_id})
        assert strange.status_code == 404
        made = tracker.ask(
            tracker.people["acme developer"], "POST", f"{API}/experiments/create", json={"name": "plain"}
        )
        assert (made.status_code, "'acme--NAME'" in made.json()["message"]) == (403, True)
        graphql = tracker.ask(
            tracker.people["acme admin"], "POST", "/graphql", json={"query": "{ test { inputString } }"}
        )
        assert graphql.status_code == 403


@contextmanager
def shown(uri: str, token: str) -> Iterator[mlflow.MlflowClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_TOKEN", token)
        yield mlflow.MlflowClient(uri, uri)


class TestStockClient:
    def test_mlflows_own_client_logs_as_a_run(self, tracker: Tracker, tmp_path: Any) -> None:
        token = tracker.put_job("job-stock", model_name="stock")
        (tmp_path / "plot.txt").write_text("a plot")
        with shown(tracker.url, token) as client:
            experiment_id = client.create_experiment("stock")
            run = client.create_run(experiment_id)
            client.log_param(run.info.run_id, "depth", 3)
            client.log_metric(run.info.run_id, "accuracy", 0.5, step=1)
            client.log_dict(run.info.run_id, {"a": 1}, "nested/a.json")
            client.log_artifact(run.info.run_id, str(tmp_path / "plot.txt"))
            client.set_terminated(run.info.run_id)
            files = {each.path for each in client.list_artifacts(run.info.run_id)}
            found = client.search_runs([experiment_id], "metrics.accuracy > 0.1")

        assert files == {"nested", "plot.txt"}
        assert found[0].data.tags[JOB_TAG] == "job-stock"

    def test_it_tells_why_it_was_refused(self, tracker: Tracker, other: Job) -> None:
        reported = pytest.raises(mlflow.MlflowException, match="is not this run's own")
        with shown(tracker.url, tracker.put_job("job-reported")) as client, reported:
            client.log_metric(other.run_id, "accuracy", 1.0)
