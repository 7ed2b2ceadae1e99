"""The objects that are made of a spec, beside files that hold them as they shall be.

`MODELYARD_WRITE_GOLDEN=1` writes the files anew; read what changed before it is committed.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_kubernetes.schemas import problems

from modelyard.adapters.target.kubernetes.companions import (
    autoscaler_object,
    disruption_budget_object,
    has_budget,
    pod_monitor_object,
    service_object,
)
from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.adapters.target.kubernetes.place import Owner, Place, other_name, plain_name
from modelyard.adapters.target.kubernetes.workload import WorkloadDefaults, deployment_object
from modelyard.adapters.target.options import read_options
from modelyard.ports.target import Autoscaling, ImageArtifact, Resources, ServerSpec

GOLDEN = Path(__file__).with_name("golden")
IMAGE = ImageArtifact(
    f"registry.example.com/models@sha256:{'a' * 64}", f"sha256:{'b' * 64}", "registry.example.com/models:my-model-v3"
)
PLACE = Place("asgard", "my-model-inference", Owner("1f0c", "eu"), "dep-1")
SPEC = ServerSpec(
    deployment_id="dep-1",
    generation=2,
    model_name="my_model",
    version=3,
    artifact=IMAGE,
    replicas=2,
    namespace="asgard",
    labels={"app": "my-model-inference", "modelyard.dev/tenant": "default"},
    environment={"OMP_NUM_THREADS": "2"},
)
SETTINGS = {"mlflow_uri": "http://mlflow:5000", "allowed_hosts": "models.example.com", "allowed_origins": None}


def defaults(**options: Any) -> WorkloadDefaults:
    read = read_options(KubernetesOptions, "eu", {"in_cluster": True, **options})
    return WorkloadDefaults(read, SETTINGS, 4 << 30)


def check_golden(name: str, *objects: Mapping[str, Any]) -> None:
    path = GOLDEN / f"{name}.yaml"
    plain = json.loads(json.dumps(objects))
    if "MODELYARD_WRITE_GOLDEN" in os.environ:
        path.write_text(yaml.safe_dump_all(plain, sort_keys=False, width=110))
    assert plain == list(yaml.safe_load_all(path.read_text()))
    for one in plain:
        assert list(problems(one)) == []


class TestObjects:
    def test_a_plain_deployment(self) -> None:
        given = defaults()
        check_golden(
            "plain",
            deployment_object(SPEC, IMAGE, PLACE, given),
            service_object(SPEC, PLACE, given.options.service),
            disruption_budget_object(SPEC, PLACE, "policy/v1"),
        )

    def test_one_with_everything_that_an_operator_and_a_request_may_say(self) -> None:
        given = defaults(
            image_pull_policy="Always",
            image_pull_secrets=["registry"],
            node_selector={"pool": "models"},
            tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 60}],
            service={
                "type": "LoadBalancer",
                "annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
            },
            prometheus="pod-monitor",
            drain_seconds=60,
        )
        spec = replace(
            SPEC,
            resources=Resources(cpu=1.5, memory_bytes=2 << 30, gpus=1),
            autoscaling=Autoscaling(min_replicas=2, max_replicas=8, cpu_percent=60),
        )
        check_golden(
            "everything",
            deployment_object(spec, IMAGE, PLACE, given),
            service_object(spec, PLACE, given.options.service),
            autoscaler_object(spec, PLACE),
            pod_monitor_object(spec, PLACE),
        )

    def test_the_template_does_not_change_with_the_number_of_replicas(self) -> None:
        more = replace(SPEC, replicas=5)
        assert deployment_object(SPEC, IMAGE, PLACE, defaults()) == deployment_object(more, IMAGE, PLACE, defaults())

    def test_neither_version_nor_generation_is_in_a_selector(self) -> None:
        selector = deployment_object(SPEC, IMAGE, PLACE, defaults())["spec"]["selector"]["matchLabels"]
        assert selector == {
            "modelyard.dev/installation": "1f0c",
            "modelyard.dev/target": "eu",
            "modelyard.dev/deployment": "dep-1",
        }

    def test_the_grace_period_is_longer_than_what_a_server_takes_to_leave(self) -> None:
        pod = deployment_object(SPEC, IMAGE, PLACE, defaults(routing_seconds=7, drain_seconds=90))
        pod = pod["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > 7 + 90
        assert "time.sleep(7)" in pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1]

    @pytest.mark.parametrize(
        ("replicas", "autoscaling", "expected"),
        [(1, None, False), (2, None, True), (1, Autoscaling(2, 3, 50), True), (3, Autoscaling(1, 3, 50), False)],
    )
    def test_there_is_a_disruption_budget_from_two_replicas_on(
        self, replicas: int, autoscaling: Autoscaling | None, *, expected: bool
    ) -> None:
        assert has_budget(replace(SPEC, replicas=replicas, autoscaling=autoscaling)) is expected

    def test_the_usual_resources_are_for_whom_asks_for_none(self) -> None:
        given = defaults(default_resources={"cpu": 0.5, "memory_mb": 512})
        spec = replace(SPEC, resources=Resources(cpu=2))
        container = deployment_object(spec, IMAGE, PLACE, given)["spec"]["template"]["spec"]["containers"][0]
        assert container["resources"] == {
            "requests": {"cpu": "2000m", "memory": "512Mi"},
            "limits": {"cpu": "2000m", "memory": "512Mi"},
        }


class TestNames:
    def test_the_longest_label_leaves_space_for_both_names(self) -> None:
        spec = replace(SPEC, labels={"app": f"{'m' * 50}-inference"})
        assert len(plain_name(spec)) == 60
        assert len(other_name(spec)) <= 63
        assert other_name(spec) != other_name(replace(spec, deployment_id="dep-2"))

    def test_a_name_is_derived_where_no_label_has_it(self) -> None:
        assert plain_name(replace(SPEC, labels={})) == "my-model-inference"
