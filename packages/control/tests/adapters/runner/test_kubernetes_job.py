"""The objects of a run in a cluster, by the API's own schemas, and what a pod's status means."""

import json
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
import pytest

from modelyard.adapters.runner.configured import read_options
from modelyard.adapters.runner.kubernetes import observed_pod
from modelyard.adapters.runner.kubernetes_job import JobOptions, job_of, secret_of
from modelyard.adapters.runner.kubernetes_runner import KubernetesRunnerOptions
from modelyard.adapters.runner.run_host import PlaceState, RunPlace
from modelyard.errors import Invalid
from modelyard.ports.runner import Limits

PLACE = RunPlace(
    name="modelyard-run-0123456789abcdef01234567",
    run_key="job-1/1",
    python_environment="lock",
    limits=Limits(seconds=60, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30),
    token="the-token",
)
FULL = JobOptions(
    namespace="training",
    cpus=2,
    disk_mb=512,
    gpus=1,
    node_selector={"pool": "gpu"},
    tolerations=({"key": "gpu", "operator": "Exists", "tolerationSeconds": 5},),  # type: ignore[arg-type]  # Pydantic's.
    image_pull_secrets=("registry",),
)


class TestJob:
    @pytest.mark.parametrize("options", [JobOptions(), FULL], ids=["plain", "full"])
    @pytest.mark.parametrize("version", ["1.25", "1.37"])
    def test_the_objects_are_valid(self, options: JobOptions, version: str) -> None:
        job = job_of(PLACE, "registry.example.com/runs@sha256:1", options, installation="i")
        secret = secret_of(PLACE, options, installation="i", job_uid="uid")
        for content in (job, secret):
            kubernetes_validate.validate(json.loads(json.dumps(content)), version, strict=True)

    def test_a_pod_keeps_the_restricted_standard_and_has_no_token_of_the_cluster(self) -> None:
        pod = job_of(PLACE, "image", JobOptions(), installation="i")["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }

    def test_it_is_made_once_and_its_token_is_in_the_secret_only(self) -> None:
        job = job_of(PLACE, "image", JobOptions(), installation="i")
        assert job["spec"]["backoffLimit"] == 0
        assert "the-token" not in json.dumps(job)
        secret = secret_of(PLACE, JobOptions(), installation="i", job_uid="uid")
        assert secret["metadata"]["ownerReferences"][0]["uid"] == "uid"

    def test_a_setting_that_is_unknown_is_refused_by_name(self) -> None:
        with pytest.raises(Invalid, match="the runner 'big': nodes: expected no such field"):
            read_options(KubernetesRunnerOptions, "big", {"repository": "localhost:5000/runs", "nodes": 3})


def make_pod(status: Mapping[str, Any]) -> Mapping[str, Any]:
    memory = {"resources": {"limits": {"memory": str(2**30 + 96 * 2**20)}}}
    return {"metadata": {"name": "p"}, "spec": {"containers": [memory]}, "status": status}


class TestObservedPod:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            ({"phase": "Pending"}, None),
            (
                {
                    "phase": "Pending",
                    "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}],
                },
                None,
            ),
            (
                {
                    "phase": "Pending",
                    "conditions": [
                        {
                            "type": "PodScheduled",
                            "status": "False",
                            "reason": "Unschedulable",
                            "message": "0/1 nodes are available: 1 Insufficient cpu.",
                        }
                    ],
                },
                "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.",
            ),
            (
                {
                    "phase": "Pending",
                    "containerStatuses": [
                        {"state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}}}
                    ],
                },
                'ImagePullBackOff: Back-off pulling image "x"',
            ),
        ],
    )
    def test_a_pod_that_waits_says_why(self, status: Mapping[str, Any], reason: str | None) -> None:
        found = observed_pod(make_pod(status))
        assert (found.state, found.reason) == (PlaceState.PENDING, reason)

    def test_a_pod_whose_container_runs_is_up(self) -> None:
        status = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
        assert observed_pod(make_pod(status)).state is PlaceState.UP

    def test_memory_that_ran_out_is_said_with_the_limit_of_the_script(self) -> None:
        status = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}
        found = observed_pod(make_pod(status))
        assert found.state is PlaceState.ENDED
        assert found.reason == "The script used more memory than its limit of 1 GiB (OOMKilled)."

    def test_an_eviction_is_said_in_the_words_of_the_node(self) -> None:
        status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
        found = observed_pod(make_pod(status))
        assert found.reason == "The pod was ended: Evicted: The node was low on resource: memory."

    def test_a_container_that_ended_by_itself_has_lost_its_run(self) -> None:
        status = {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}]}
        found = observed_pod(make_pod(status))
        assert (found.state, found.reason) == (PlaceState.ENDED, None)
