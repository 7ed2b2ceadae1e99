from modelyard_standin import FakeClock, StandIn

from modelyard_client import Client


class TestStatus:
    def test_the_platform_says_how_it_is(self, standin: StandIn, client: Client) -> None:
        status = client.status.get()
        assert status.is_ok
        assert status.components["mlflow"]["url"] == "http://127.0.0.1:5000"
        assert (status.jobs, status.uptime_seconds) == ({"running": 1, "succeeded": 3}, 12.5)

    def test_readiness_needs_no_token(self, standin: StandIn) -> None:
        with Client(standin.url) as stranger:
            assert stranger.status.is_ready()

    def test_nobody_there_is_not_ready(self, clock: FakeClock) -> None:
        with Client("http://127.0.0.1:1", clock=clock) as client:
            assert not client.status.is_ready()
