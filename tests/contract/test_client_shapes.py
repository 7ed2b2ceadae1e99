"""The client, the stand-in that its own tests use, and the real application agree on fields and their types.

A field that the application adds breaks nothing here, as it breaks no client.
"""

import dataclasses
from typing import Any

import modelyard_standin as standin
import pytest
from pydantic import BaseModel, TypeAdapter

from modelyard.deployments.schemas import AcceptedDeployment, DeploymentAnswer, ReplicaAnswer
from modelyard.drift.schemas import DriftReportAnswer, FeatureDriftAnswer
from modelyard.mlops.schemas import Accepted, JobAnswer, StatusAnswer
from modelyard.packaging.schemas import BundleAnswer
from modelyard.registry.schemas import ModelWithVersionsAnswer, VersionAnswer
from modelyard_client.deployment import Deployment, Replica
from modelyard_client.drift import DriftReport, FeatureDrift
from modelyard_client.jobs import Job, Submission
from modelyard_client.models import Bundle, Model, Version
from modelyard_client.status import PlatformStatus

READ: list[tuple[type[BaseModel], type[Any]]] = [
    (JobAnswer, Job),
    (VersionAnswer, Version),
    (ModelWithVersionsAnswer, Model),
    (BundleAnswer, Bundle),
    (DeploymentAnswer, Deployment),
    (ReplicaAnswer, Replica),
    (DriftReportAnswer, DriftReport),
    (FeatureDriftAnswer, FeatureDrift),
    (StatusAnswer, PlatformStatus),
]
SAMPLES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (JobAnswer, standin.job()),
    (VersionAnswer, standin.version()),
    (ModelWithVersionsAnswer, standin.model(versions=[standin.version()])),
    (BundleAnswer, standin.bundle()),
    (DeploymentAnswer, standin.deployment()),
    (ReplicaAnswer, standin.deployment()["replica_states"][0]),
    (StatusAnswer, standin.STATUS),
]


class TestShapes:
    @pytest.mark.parametrize(("answer", "read"), READ)
    def test_the_application_tells_what_the_client_reads(self, answer: type[BaseModel], read: type[Any]) -> None:
        assert {field.name for field in dataclasses.fields(read)} <= answer.model_fields.keys()

    @pytest.mark.parametrize("accepted", [Accepted, AcceptedDeployment])
    def test_a_job_that_is_accepted_has_the_same_form_everywhere(self, accepted: type[BaseModel]) -> None:
        read = {field.name for field in dataclasses.fields(Submission)} - {"deployment_id"}
        assert read <= accepted.model_fields.keys()

    @pytest.mark.parametrize(("answer", "sample"), SAMPLES)
    def test_the_stand_in_tells_nothing_that_the_application_would_not(
        self, answer: type[BaseModel], sample: dict[str, Any]
    ) -> None:
        assert sample.keys() <= answer.model_fields.keys()
        for name, value in sample.items():
            declared: Any = answer.model_fields[name].annotation
            TypeAdapter(declared).validate_python(value)
