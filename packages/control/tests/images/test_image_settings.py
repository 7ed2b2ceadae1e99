"""Settings of images are refused at the start, by the name of the variable."""

from pathlib import Path

import pytest

from modelyard.deployments.settings import DeploymentSettings
from modelyard.errors import Invalid
from modelyard.images.settings import ImageSettings
from modelyard.settings import Settings
from modelyard.storage import StorageSettings

DIGEST = "sha256:" + "0" * 64


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("REPOSITORY", "models", "MODELYARD_IMAGE_REPOSITORY"),
            ("REPOSITORY", "registry.example.com/models:latest", "without tag and digest"),
            ("REPOSITORY", "registry.example.com/Models", "lower-case"),
            ("REPOSITORY", f"registry.example.com/{'m' * 201}", "at most 200"),
            ("REPOSITORIES", '{"aks": "models"}', "MODELYARD_IMAGE_REPOSITORIES"),
            ("BASE", "registry.example.com/python:3.11", "a digest"),
            ("BASE", "python:3.11", "an image by its digest"),
            ("BASE", "oci:relative:python", "absolute path"),
            ("BASE", "oci:/srv/bases", "absolute path"),
            ("BASE", "No Name", "MODELYARD_IMAGE_BASE"),
            ("PLATFORM", "windows/amd64", "linux/amd64"),
            ("PLAIN_HTTP", "http://registry.example.com", "MODELYARD_IMAGE_PLAIN_HTTP"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(f"MODELYARD_IMAGE_{name}", value)
        with pytest.raises(Invalid) as refused:
            ImageSettings()
        assert f"MODELYARD_IMAGE_{name}" in refused.value.message
        assert sentence in refused.value.message

    def test_a_repository_below_another_one_would_be_a_tenants(self) -> None:
        with pytest.raises(Invalid, match="no repository below another one"):
            ImageSettings(repository="r.example.com/models", repositories={"aks": "r.example.com/models/acme"})

    def test_a_repository_of_a_target_that_is_not_configured(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="names of targets"):
            Settings(
                storage=StorageSettings(home=tmp_path),
                images=ImageSettings(repositories={"moon": "r.example.com/models"}),
                deployments=DeploymentSettings(targets={"fake": {}}),
            )


class TestWhatIsMeant:
    def test_tenants_have_repositories_of_their_own(self) -> None:
        named = ImageSettings(repository="r.example.com/models", repositories={"aks": "a.example.com/ml"})
        repositories = named.named_repositories
        assert str(repositories.of("default")) == "r.example.com/models"
        assert str(repositories.of("acme")) == "r.example.com/models/acme"
        assert str(repositories.of("acme", "aks")) == "a.example.com/ml/acme"
        assert str(repositories.of("default", "docker")) == "r.example.com/models"

    def test_a_base_is_one_of_three(self) -> None:
        by_digest = ImageSettings(base=f"r.example.com/python@{DIGEST}").base_source
        assert by_digest is not None
        assert str(by_digest.reference) == f"r.example.com/python@{DIGEST}"
        in_layout = ImageSettings(base="oci:/srv/bases:python:3.11").base_source
        assert in_layout is not None
        assert in_layout.layout == ("/srv/bases", "python:3.11")
        imported = ImageSettings(base="debian-12").base_source
        assert imported is not None
        assert imported.name == "debian-12"

    def test_dockers_configuration_is_where_docker_has_it(self) -> None:
        assert ImageSettings().docker_config_file({"HOME": "/home/me"}) == Path("/home/me/.docker/config.json")
        assert ImageSettings().docker_config_file({"DOCKER_CONFIG": "/etc/d"}) == Path("/etc/d/config.json")
