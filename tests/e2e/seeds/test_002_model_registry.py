"""The document of the model registry: a tenant's models through their stages, compared, with their artifacts."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest
from tests.e2e.seeds.documents import REQUIREMENTS, SCRIPT
from tests.e2e.stack import Json, Stack, wait_for

REGISTRY = "/api/v1/ml/registry/models"
F1_OF_2, F1_OF_3 = {"f1_score": 0.895, "auc_roc": 0.96}, {"f1_score": 0.912, "auc_roc": 0.97}


def client(platform: Stack, token: str) -> httpx.Client:
    return httpx.Client(base_url=platform.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@pytest.fixture(scope="module")
def lead(platform: Stack, anyone: httpx.Client) -> Iterator[httpx.Client]:
    """The administrator of the document's tenant, who makes everybody's token and so approves nothing."""
    made = anyone.post("/api/v1/access/tenants", json={"tenant_id": "acme-corp", "admin": "ml-lead"})
    assert made.status_code == 201, made.text
    with client(platform, made.json()["admin_token"]["secret"]) as caller:
        yield caller


def member(lead: httpx.Client, platform: Stack, subject: str, role: str) -> httpx.Client:
    """Another one of the tenant."""
    assert lead.post("/api/v1/access/members", json={"subject": subject, "role": role}).status_code == 201
    token = lead.post("/api/v1/access/tokens", json={"name": "work", "subject": subject})
    assert token.status_code == 201, token.text
    return client(platform, token.json()["secret"])


@pytest.fixture(scope="module")
def ml_team(platform: Stack, lead: httpx.Client) -> Iterator[httpx.Client]:
    """Who registers models and asks for their stages."""
    with member(lead, platform, "ml-team", "developer") as caller:
        yield caller


@pytest.fixture(scope="module")
def approver(platform: Stack, lead: httpx.Client) -> Iterator[httpx.Client]:
    """Who lets them into production."""
    with member(lead, platform, "risk", "approver") as caller:
        yield caller


def promote(ml_team: httpx.Client, approver: httpx.Client, name: str, number: int) -> None:
    """From `none` over `staging` to `production`, as the document has it."""
    place = f"{REGISTRY}/{name}/versions/{number}/stage"
    assert ml_team.post(place, json={"stage": "staging", "comment": "For testing"}).status_code == 200
    asked = ml_team.post(place, json={"stage": "production", "comment": "Validated on holdout set with 0.91 F1 score"})
    assert asked.status_code == 202, asked.text
    request_id = asked.json()["request"]["request_id"]
    approved = approver.post(f"{REGISTRY}/{name}/requests/{request_id}/approve", json={"comment": "Approved"})
    assert approved.status_code == 200, approved.text


def trained(caller: httpx.Client, metrics: Mapping[str, float]) -> Json:
    """A training job of a script that logs these metrics, when it has ended well."""
    content = SCRIPT.read_text().replace('{"f1_score": 0.912, "auc_roc": 0.97}', repr(dict(metrics)))
    body = {"script_name": "train.py", "script_content": content, "requirements": REQUIREMENTS, "model_name": "source"}
    accepted = caller.post("/mlops/training/upload", json=body)
    assert accepted.status_code == 202, accepted.text

    def end() -> Json | None:
        job = dict(caller.get(f"/mlops/training/jobs/{accepted.json()['job_id']}").json())
        return job if job["status"] in {"succeeded", "failed"} else None

    job = wait_for(end, timeout=300, what=lambda: "the training")
    assert job["status"] == "succeeded", job["error"]
    return job


@pytest.fixture(scope="module")
def registered(ml_team: httpx.Client, approver: httpx.Client) -> list[Json]:
    """`churn-predictor` as the document's answers show it: version 2 in production, version 3 in staging."""
    jobs = [trained(ml_team, metrics) for metrics in (F1_OF_2, F1_OF_3)]
    source = ml_team.get(f"{REGISTRY}/source/versions/{jobs[1]['model_version']}").json()
    (logged,) = {part for part in source["artifact_uri"].split("/") if part.startswith("m-")}
    versions = []
    for artifact_id in (jobs[0]["run_id"], jobs[0]["job_id"], logged.replace("m-", "model-")):
        answer = ml_team.post(
            REGISTRY,
            json={
                "name": "churn-predictor",
                "artifact_id": artifact_id,
                "description": "XGBoost churn prediction model",
                "tags": {"algorithm": "xgboost", "dataset": "customer_churn_v2", "owner": "ml-team"},
                "metrics": {"f1_score": 0.895, "auc_roc": 0.96},
            },
        )
        assert answer.status_code == 201, answer.text
        versions.append(answer.json())
    promote(ml_team, approver, "churn-predictor", 2)
    staged = ml_team.post(
        f"{REGISTRY}/churn-predictor/versions/3/stage", json={"stage": "staging", "comment": "For testing"}
    )
    assert staged.status_code == 200, staged.text
    return versions


class TestRegistry:
    def test_a_registered_artifact_becomes_the_next_version(self, registered: list[Json]) -> None:
        assert [version["version"] for version in registered] == [1, 2, 3]
        assert {version["stage"] for version in registered} == {"none"}  # Automatic on training completion.

    def test_models_are_listed_with_the_versions_in_their_stages(
        self, ml_team: httpx.Client, registered: list[Json]
    ) -> None:
        answer = ml_team.get(f"{REGISTRY}?tenant_id=acme-corp").json()
        (model,) = [one for one in answer["models"] if one["name"] == registered[0]["name"]]
        assert {name: model[name] for name in ("latest_version", "production_version", "staging_version")} == {
            "latest_version": 3,
            "production_version": 2,
            "staging_version": 3,
        }
        assert datetime.fromisoformat(model["created_at"]) <= datetime.fromisoformat(model["last_updated"])

    def test_another_tenants_models_are_refused(self, anyone: httpx.Client, registered: list[Json]) -> None:
        answer = anyone.get(f"{REGISTRY}?tenant_id=acme-corp")
        assert registered
        assert (answer.status_code, answer.json()["field"]) == (404, "tenant_id")

    def test_a_version_tells_numbers_as_numbers(self, ml_team: httpx.Client, registered: list[Json]) -> None:
        version = ml_team.get(f"{REGISTRY}/churn-predictor/versions/3").json()
        assert (version["name"], version["version"], version["stage"]) == ("churn-predictor", 3, "staging")
        assert version["metrics"] == F1_OF_3
        assert version["parameters"] == {"n_estimators": 200, "max_depth": 8, "learning_rate": 0.05}
        assert version["tags"]["algorithm"] == "xgboost"
        assert datetime.fromisoformat(version["created_at"]).tzinfo is not None
        assert "/" in version["artifact_uri"]
        assert registered

    def test_a_version_is_archived_by_hand(
        self, ml_team: httpx.Client, approver: httpx.Client, registered: list[Json]
    ) -> None:
        body = {"name": "retired", "artifact_id": registered[0]["run_id"]}
        assert ml_team.post(REGISTRY, json=body).status_code == 201
        promote(ml_team, approver, "retired", 1)
        place = f"{REGISTRY}/retired/versions/1/stage"
        archived = ml_team.post(place, json={"stage": "archived", "comment": "Retired from active use"})
        assert (archived.status_code, archived.json()["stage"]) == (200, "archived"), archived.text

    def test_versions_are_compared(self, ml_team: httpx.Client, registered: list[Json]) -> None:
        answer: dict[str, Any] = ml_team.get(f"{REGISTRY}/churn-predictor/compare?versions=2,3").json()
        reported = [{name: one[name] for name in ("version", "metrics", "stage")} for one in answer["comparison"]]
        assert reported == [
            {"version": 2, "metrics": F1_OF_2, "stage": "production"},
            {"version": 3, "metrics": F1_OF_3, "stage": "staging"},
        ]
        assert answer["recommendation"] == "Version 3 shows improvement across all metrics"
        assert registered

    def test_the_files_of_a_version_are_reported_by_their_roles(
        self, ml_team: httpx.Client, registered: list[Json]
    ) -> None:
        files = ml_team.get(f"{REGISTRY}/churn-predictor/versions/3/artifacts").json()["artifacts"]
        assert {"model", "requirements"} <= {file["role"] for file in files}
        assert registered


class TestConfiguration:
    def test_the_documents_variables_are_settings(self, platform: Stack) -> None:
        reported = platform.run("status", "--output", "json").stdout
        assert platform.mlflow_url in reported
