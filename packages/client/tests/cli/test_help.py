import pytest
from cli_run import Run


class TestHelp:
    @pytest.mark.parametrize(
        "command",
        [
            *("train", "retrain", "deploy", "undeploy", "scale", "predict", "predict-job", "logs", "status"),
            *("jobs list", "jobs show", "jobs cancel", "models list", "models show", "models edit", "models lineage"),
            *(
                "versions list",
                "versions show",
                "versions edit",
                "versions example",
                "versions artifacts",
                "versions download",
                "register",
            ),
            *("deployments list", "deployments show", "deployments drift"),
            *("delete", "undelete", "tombstones", "holds list", "holds put", "holds lift"),
            *("tenants list", "tenants create", "tenants quotas", "tokens list", "tokens create", "tokens revoke"),
            *(
                "audit list",
                "audit follow",
                "audit verify",
                "audit export",
                "audit production",
                "webhooks list",
                "webhooks create",
            ),
            *("webhooks show", "webhooks test", "webhooks deliveries", "webhooks replay", "webhooks dead-letters"),
            *("images list", "images build", "images push", "images show", "images delete", "images export"),
            *(
                "rollouts list",
                "rollouts show",
                "rollouts start",
                "rollouts watch",
                "rollouts pause",
                "rollouts resume",
            ),
            *("rollouts promote", "rollouts abort", "rollouts plan", "rollouts comparison"),
            *("outcomes record", "outcomes report"),
            *("schedules list", "schedules create", "schedules show", "schedules run"),
            *("schedules pause", "schedules resume", "schedules delete"),
            *("traffic list", "traffic show", "traffic set", "traffic comparison", "traffic remove"),
            *("products list", "products create", "products change", "products delete"),
            *("subscriptions list", "subscriptions create", "subscriptions show", "subscriptions regenerate"),
            *("subscriptions limit", "subscriptions limit-api", "subscriptions usage", "subscriptions trust"),
            *("subscriptions suspend", "subscriptions activate", "subscriptions cancel"),
            *("webhooks rotate", "webhooks pause", "webhooks resume", "webhooks delete"),
        ],
    )
    def test_each_command_shows_examples_of_itself(self, run: Run, command: str) -> None:
        ended = run(*command.split(), "--help")
        assert ended.exit_code == 0
        assert "Examples:\n    " in ended.out
        assert f"modelyard {command.removesuffix(' list')}" in ended.out
