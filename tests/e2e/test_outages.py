"""What goes on while something is down, and what is there again after a stop."""

import httpx
import pytest
from tests.e2e.stack import SCRIPTS, Json, Stack, wait_for
from tests.e2e.test_isolation import ROWS

CONTROL, MLFLOW = "control", "mlflow"


@pytest.fixture(scope="module")
def served(stack: Stack) -> Json:
    """A deployed model."""
    return stack.deployed(SCRIPTS / "classifier.py", model_name="served", replicas=2)


class TestWhileTheManagementIsDown:
    def test_deployed_models_answer(self, stack: Stack, served: Json) -> None:
        with stack.stopped(CONTROL, MLFLOW):
            with pytest.raises(httpx.TransportError):
                stack.api.get("/mlops/models")
            with pytest.raises(httpx.TransportError):
                stack.anyone.get(stack.mlflow_url)

            predictions = [stack.predict(served["deployment_url"], ROWS) for _ in range(20)]
            health = stack.anyone.get(f"{served['deployment_url']}/health").json()

        stack.await_ready()
        assert predictions == [[0, 2]] * 20
        assert health["status"] == "healthy"

    def test_a_model_that_dies_meanwhile_comes_back(self, stack: Stack, served: Json) -> None:
        deployment = stack.get(f"/api/v1/deployments/{served['deployment_id']}")
        workers = {replica["pid"] for replica in deployment["replica_states"]}

        with stack.stopped(CONTROL):
            for process in stack.processes():
                if process.pid in workers:
                    process.kill()
            wait_for(
                lambda: stack.anyone.get(f"{served['deployment_url']}/v2/health/ready").status_code == 200,
                what=lambda: "the workers to come back",
            )
            prediction = stack.predict(served["deployment_url"], ROWS)

        stack.await_ready()
        assert prediction == [0, 2]


class TestDownAndUp:
    def test_up_on_an_existing_home_brings_everything_back(self, stack: Stack, served: Json) -> None:
        token = stack.token
        stack.down()
        left = [" ".join(process.cmdline()) for process in stack.processes()]

        stack.up()
        wait_for(
            lambda: stack.get(f"/api/v1/deployments/{served['deployment_id']}")["status"] == "ready",
            what=lambda: f"the deployment\n{stack.log_ends()}",
        )

        assert left == []
        assert stack.predict(served["deployment_url"], ROWS) == [0, 2]
        assert stack.get("/mlops/models/served")["latest_version"] == int(served["model_version"])
        assert (stack.home / "token").read_text().strip() == token
        assert (stack.home / "token").stat().st_mode & 0o777 == 0o600
