"""What a model's URI means."""

import pytest

from modelyard_client.errors import Invalid
from modelyard_client.mlflow_deployments.model_uris import Files, Logged, Registered, parse

RUN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("models:/churn/3", Registered("churn", 3, None)),
        ("models:/my model/12", Registered("my model", 12, None)),
        ("models:/my%20model/12", Registered("my model", 12, None)),
        ("models:/churn/Production", Registered("churn", None, "production")),
        ("models:/churn/latest", Registered("churn", None, "latest")),
        ("models:/churn@champion", Registered("churn", None, "champion")),
        (f"models:/m-{RUN}", Logged(f"models:/m-{RUN}")),
        (f"runs:/{RUN}/model", Logged(f"runs:/{RUN}/model")),
        ("./model", Files("./model")),
        ("s3://bucket/model", Files("s3://bucket/model")),
    ],
)
def test_a_uri_means_a_version_a_logged_model_or_files(uri: str, meant: object) -> None:
    assert parse(uri) == meant


@pytest.mark.parametrize("uri", ["models:/churn", "models:/", "models:/churn/newest", "models:/a/b/3", "models:/@x"])
def test_an_address_that_names_no_version_is_refused(uri: str) -> None:
    with pytest.raises(Invalid, match="model_uri: expected models:/"):
        parse(uri)
