from pathlib import Path

from modelyard_standin import StandIn

from modelyard_client import Client, Script

SCRIPT = Script(name="train_churn.py", content="# /// script\n# dependencies = ['scikit-learn']\n# ///\nprint('hi')\n")


class TestSubmit:
    def test_the_script_goes_with_what_it_says_that_it_needs(self, standin: StandIn, client: Client) -> None:
        accepted = client.training.submit(SCRIPT)
        assert accepted.job_id == "job-1"
        assert standin.seen[0].json == {
            "script_name": "train_churn.py",
            "script_content": SCRIPT.content,
            "requirements": ["scikit-learn"],
        }

    def test_requirements_that_are_given_replace_the_scripts_own(self, standin: StandIn, client: Client) -> None:
        client.training.submit(SCRIPT, requirements=[])
        assert standin.seen[0].json["requirements"] == []

    def test_a_script_is_read_from_its_file(self, standin: StandIn, client: Client, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_text("print('ä')\n", encoding="utf-8")
        client.training.submit(tmp_path / "train.py", model_name="churn", timeout_seconds=60)
        sent = standin.seen[0].json
        assert (sent["script_name"], sent["script_content"]) == ("train.py", "print('ä')\n")
        assert (sent["model_name"], sent["timeout_seconds"]) == ("churn", 60)

    def test_each_request_has_a_key_of_its_own_unless_one_is_given(self, standin: StandIn, client: Client) -> None:
        client.training.submit(SCRIPT)
        client.training.submit(SCRIPT)
        client.training.submit(SCRIPT, idempotency_key="mine")
        first, second, third = [request.headers["idempotency-key"] for request in standin.seen]
        assert len({first, second, third}) == 3
        assert third == "mine"
