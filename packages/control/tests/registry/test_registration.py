"""Registering by hand."""

from dataclasses import replace

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.errors import Invalid, NotFound
from modelyard.principals import Principal
from modelyard.registry.domain import Given, Version
from modelyard.registry.registration import Registration
from modelyard.registry.service import RegistryService

JOB, UPLOAD = f"job-{'a' * 32}", f"up-{'a' * 32}"


@pytest.fixture
def registration(registry: RegistryService, clock: ManualClock) -> Registration:
    return Registration(
        registry=registry,
        clock=clock,
        metric_rules=lambda *_: {},
        job_of_upload=lambda _, upload_id: JOB if upload_id == UPLOAD else None,
    )


def register(
    registration: Registration,
    principal: Principal,
    *,
    name: str = "iris",
    run_id: str | None = None,
    model_uri: str | None = None,
) -> Version:
    return registration.by_hand(
        principal, name=name, run_id=run_id, model_uri=model_uri, given=Given(description="by hand")
    )


class TestByHand:
    def test_the_only_model_of_a_run_is_meant(
        self, registration: Registration, alice: Principal, tracking: FakeTracking
    ) -> None:
        run_id = tracking.log_run("iris")
        logged = tracking.log_model(run_id, "model", {"model.pkl": b"x"})
        version = register(registration, alice, run_id=run_id)
        assert (version.version, version.model_uri, version.description) == (1, logged.uri, "by hand")

    def test_of_several_models_one_is_named_by_its_address(
        self, registration: Registration, alice: Principal, tracking: FakeTracking
    ) -> None:
        run_id = tracking.log_run("iris")
        small, _ = (tracking.log_model(run_id, name, {"model.pkl": b"x"}) for name in ("small", "large"))
        with pytest.raises(Invalid) as caught:
            register(registration, alice, run_id=run_id)
        assert caught.value.code == "several_models_logged"
        assert register(registration, alice, model_uri=small.uri).model_uri == small.uri
        assert register(registration, alice, model_uri=f"runs:/{run_id}/small").model_uri == small.uri

    def test_a_run_without_a_model_is_refused(
        self, registration: Registration, alice: Principal, tracking: FakeTracking
    ) -> None:
        with pytest.raises(Invalid) as caught:
            register(registration, alice, run_id=tracking.log_run("iris"))
        assert caught.value.code == "no_model_logged"

    @pytest.mark.parametrize("source", [{}, {"run_id": "r", "model_uri": "models:/m-1"}])
    def test_neither_and_both_are_refused(
        self, registration: Registration, alice: Principal, source: dict[str, str]
    ) -> None:
        with pytest.raises(Invalid, match="exactly one of run_id and model_uri"):
            register(registration, alice, **source)

    @pytest.mark.parametrize(
        "uri",
        ["file:///etc/passwd", "/etc", "s3://bucket/x", "http://127.0.0.1/x", "models:/iris/1", "models:/m-/../x"],
    )
    def test_an_address_of_any_other_kind_is_not_followed(
        self, registration: Registration, alice: Principal, uri: str
    ) -> None:
        with pytest.raises((Invalid, NotFound)):
            register(registration, alice, model_uri=uri)

    def test_a_name_that_is_none_is_refused_before_the_tracker_is_asked(
        self, registration: Registration, alice: Principal, tracking: FakeTracking
    ) -> None:
        tracking.is_available = False
        with pytest.raises(Invalid) as caught:
            register(registration, alice, name="../iris", run_id="r")
        assert caught.value.field == "name"


class TestIds:
    @pytest.mark.parametrize("prefix", ["m", "model"])
    def test_a_logged_model_is_meant_by_its_id_in_either_spelling(
        self, registration: Registration, alice: Principal, tracking: FakeTracking, prefix: str
    ) -> None:
        logged = tracking.log_model(tracking.log_run("iris"), "model", {"model.pkl": b"x"})
        artifact_id = logged.uri.replace("models:/m-", f"{prefix}-")
        assert artifact(registration, alice, artifact_id).model_uri == logged.uri

    def test_a_job_or_an_upload_means_the_model_that_it_registered(
        self, registration: Registration, registry: RegistryService, alice: Principal, tracking: FakeTracking
    ) -> None:
        logged = tracking.log_model(tracking.log_run("iris"), "model", {"model.pkl": b"x"})
        registry.register(alice, model_name="iris", logged=logged, job_id=JOB)
        assert artifact(registration, alice, JOB).model_uri == logged.uri
        assert artifact(registration, alice, UPLOAD).model_uri == logged.uri

    @pytest.mark.parametrize("artifact_id", [f"job-{'b' * 32}", f"up-{'b' * 32}"])
    def test_one_that_registered_nothing_is_refused_by_its_field(
        self, registration: Registration, alice: Principal, artifact_id: str
    ) -> None:
        with pytest.raises(NotFound, match=r"artifact_id: .* has registered no version") as caught:
            artifact(registration, alice, artifact_id)
        assert (caught.value.code, caught.value.field) == ("artifact_not_found", "artifact_id")

    def test_another_tenants_job_has_registered_nothing(
        self, registration: Registration, registry: RegistryService, alice: Principal, tracking: FakeTracking
    ) -> None:
        logged = tracking.log_model(tracking.log_run("iris"), "model", {"model.pkl": b"x"})
        registry.register(alice, model_name="iris", logged=logged, job_id=JOB)
        with pytest.raises(NotFound):
            artifact(registration, replace(alice, tenant_id="elsewhere"), JOB)


def artifact(registration: Registration, principal: Principal, artifact_id: str) -> Version:
    return registration.artifact(principal, name="other", artifact_id=artifact_id, given=Given())
