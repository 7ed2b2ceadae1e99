"""What `up` says of deployments that load, on a control plane whose target gets ready on command."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from modelyard.deployments.domain import reason_of_unconfigured
from modelyard.local import loading
from modelyard.local.loading import Loading, describe_deployments
from modelyard_client.deployment import Deployment, Replica
from modelyard_client.deployments import Deployments
from modelyard_client.errors import Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REPLICA = Replica(index=0, state="ready", pid=1, restarts=0, rss_bytes=1, last_exit=None, started_at=NOW)
READY = Deployment(
    deployment_id="dep-1",
    model_name="churn",
    model_version=1,
    target="local",
    namespace="default",
    status="ready",
    reason=None,
    replicas=1,
    autoscaling=None,
    image_digest=None,
    ready_replicas=1,
    url="http://127.0.0.1:20000",
    api_url=None,
    created_at=NOW,
    updated_at=NOW,
    job_id="job-1",
    generation=1,
    replacement=None,
    replica_states=(REPLICA,),
)
LOADING = replace(READY, deployment_id="dep-2", replica_states=(replace(REPLICA, state="starting"),))
FAILED = replace(READY, deployment_id="dep-3", status="failed", reason="ValueError: no weights", replica_states=())


class TestLoading:
    def test_one_whose_replicas_load_is_not_ready_whatever_was_written_before_the_restart(self) -> None:
        assert LOADING.status == "ready"
        assert Loading.of([READY, LOADING], waited=0) == Loading([READY], [], [LOADING])

    def test_one_that_failed_before_may_come_back_for_a_moment(self) -> None:
        assert Loading.of([FAILED], waited=1).loading == [FAILED]
        assert Loading.of([FAILED], waited=10).failed == [FAILED]

    def test_one_of_a_target_that_is_not_configured_is_not_waited_for(self) -> None:
        lost = replace(READY, target="docker", reason=reason_of_unconfigured("docker"), replica_states=())
        assert Loading.of([READY, lost], waited=0).failed == [lost]

    def test_one_that_leaves_is_not_waited_for(self) -> None:
        assert Loading.of([replace(LOADING, status="draining")], waited=0).count == 0


class TestDescription:
    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loading, "_POLL_SECONDS", 0.0)
        monkeypatch.setattr(loading, "_FAILED_SECONDS", 0.0)

    @pytest.mark.parametrize(
        ("readings", "waits", "sentence"),
        [
            ([[]], True, ""),
            ([[READY]], True, "1 of 1 deployments serve"),
            ([[READY, LOADING], [READY, replace(READY, deployment_id="dep-2")]], True, "2 of 2 deployments serve"),
            (
                [[READY, LOADING]],
                False,
                "1 of 2 deployments serve, 1 still load (`modelyard deployments` shows them)",
            ),
            (
                [[READY, FAILED]],
                True,
                "1 of 2 deployments serve; churn (dep-3) failed: ValueError: no weights",
            ),
            (
                [[READY, replace(LOADING, target="eu", reason=reason_of_unconfigured("eu"))]],
                True,
                f"1 of 2 deployments serve; churn (dep-2): {reason_of_unconfigured('eu')}",
            ),
        ],
    )
    def test_it_says_ready_of_what_is_ready(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        readings: Sequence[Sequence[Deployment]],
        waits: bool,  # noqa: FBT001 - pytest gives it by name.
        sentence: str,
    ) -> None:
        left = list(readings)
        monkeypatch.setattr(Deployments, "list", lambda _: iter(left.pop(0) if len(left) > 1 else left[0]))
        assert describe_deployments("http://127.0.0.1:9", None, waits=waits) == sentence
        if len(readings) > 1:
            assert capsys.readouterr().err == "Loading deployments: 1 of 2\n"

    def test_a_control_plane_that_does_not_say_is_no_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_: Deployments) -> None:
            raise Unavailable("nothing answers", code="unreachable")

        monkeypatch.setattr(Deployments, "list", refuse)
        assert (
            describe_deployments("http://127.0.0.1:9", None, waits=True)
            == "what is deployed cannot be seen: nothing answers"
        )
