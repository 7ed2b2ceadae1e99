"""Which addresses of artifacts are followed."""

import pytest

from modelyard.adapters.tracking.artifact_addresses import ArtifactAddresses
from modelyard.errors import Invalid


class TestArtifactAddresses:
    @pytest.mark.parametrize(
        "address", ["mlflow-artifacts:/1/models/m-1/artifacts", "mlflow-artifacts:/1/2/artifacts/a..b/c"]
    )
    def test_what_the_tracking_server_hands_out_is_fetched(self, address: str) -> None:
        ArtifactAddresses().check(address)

    @pytest.mark.parametrize(
        "address",
        [
            "/etc",
            "file:///etc",
            "file://elsewhere/etc",
            "mlruns/1",
            "",
            "s3://bucket/x",
            "http://169.254.169.254/latest",
            "mlflow-artifacts://elsewhere/1",
            "mlflow-artifacts:/1/../2",
            "mlflow-artifacts:/1/%2e%2e/2",
            "mlflow-artifacts:/1\\..\\2",
            "dbfs:/x",
        ],
    )
    def test_no_other_place_is(self, address: str) -> None:
        with pytest.raises(Invalid) as caught:
            ArtifactAddresses().check(address)
        assert caught.value.code == "artifact_address_refused"

    @pytest.mark.parametrize(
        ("root", "address"),
        [
            ("/data/artifacts", "/data/artifacts/1/models"),
            ("/data/artifacts", "file:///data/artifacts/1"),
            ("file:///data/artifacts/", "/data/artifacts/1"),
            ("s3://ml-artifacts", "s3://ml-artifacts/1/x"),
        ],
    )
    def test_what_is_below_the_named_root_is_fetched(self, root: str, address: str) -> None:
        ArtifactAddresses(root).check(address)

    @pytest.mark.parametrize(
        ("root", "address"),
        [
            ("/data/artifacts", "/data/artifacts-of-others/1"),
            ("/data/artifacts", "/data/artifacts/../secrets"),
            ("s3://ml-artifacts", "s3://ml-artifacts-2/1"),
            ("s3://ml-artifacts", "/ml-artifacts/1"),
        ],
    )
    def test_what_only_looks_as_if_it_were_below_is_not(self, root: str, address: str) -> None:
        with pytest.raises(Invalid):
            ArtifactAddresses(root).check(address)
