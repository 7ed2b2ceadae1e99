"""`modelyard apply` and `modelyard gateway export | push` against the real application over real HTTP."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from access_platform import Platform
from apim_world import client_of
from azure_api_management import api_management_service

from modelyard.apim.service import AzureGateway

Run = Callable[..., tuple[int, str]]
_FILE = """\
version_sets:
- {version_set_id: ml-model, display_name: Versions, versioning_scheme: Segment}
apis:
- api_id: ml-model-v1
  display_name: ML Model
  path: ml-model
  api_version: v1
  api_version_set_id: ml-model
  service_url: http://203.0.113.9
  release: {release_id: first}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one file."""
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "apis.yaml").write_text(_FILE, encoding="utf-8")
    return tmp_path / "gateway"


class TestApply:
    def test_a_folder_is_tried_applied_and_exported(self, run: Run, platform: Platform, folder: Path) -> None:
        del platform
        code, out = run("apply", "-f", str(folder), "--dry-run")
        assert (code, out.splitlines()[-1]) == (0, "2 would change.")
        code, out = run("apply", "-f", str(folder), "-o", "json")
        assert code == 0
        assert [each["action"] for each in json.loads(out)["changes"]] == ["create", "create"]
        assert run("apply", "-f", str(folder))[1].splitlines()[-1] == "0 changed."

        code, out = run("gateway", "export")
        assert code == 0
        assert yaml.safe_load(out)["apis"][0]["release"] == {"release_id": "first"}

    def test_what_is_wrong_is_printed_with_its_line(self, run: Run, folder: Path) -> None:
        (folder / "apis.yaml").write_text(_FILE.replace("path:", "paths:"), encoding="utf-8")

        code, out = run("apply", "-f", str(folder))
        assert code == 2
        assert f"{folder / 'apis.yaml'}:6: apis.paths: " in out

    def test_nothing_is_pruned_without_a_question_or_yes(self, run: Run, folder: Path, tmp_path: Path) -> None:
        run("apply", "-f", str(folder))
        other = tmp_path / "other.yaml"
        other.write_text(_FILE.replace("ml-model-v1", "other").replace("v1", "v2"), encoding="utf-8")

        assert run("apply", "-f", str(other), "--prune")[0] == 2
        assert "ml-model-v1" in run("gateway", "export")[1]
        assert run("apply", "-f", str(other), "--prune", "--yes")[0] == 0
        assert "ml-model-v1" not in run("gateway", "export")[1]

    def test_a_folder_without_files_is_refused(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()

        assert run("apply", "-f", str(tmp_path / "empty"))[0] == 2


class TestPush:
    def test_without_a_service_there_is_nowhere_to_push(self, run: Run, platform: Platform) -> None:
        del platform
        assert run("gateway", "push", "--to", "azure-apim")[0] == 3

    def test_what_differs_is_shown_and_not_pushed_without_a_question(
        self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("apply", "-f", str(folder))
        with api_management_service() as azure:
            service = client_of(azure)
            monkeypatch.setattr(AzureGateway, "_of", lambda *_: service)

            code, out = run("gateway", "diff")
            assert code == 1
            assert "create    apis/ml-model-v1\n" in out
            assert run("gateway", "push", "--to", "azure-apim")[0] == 2
            assert azure.writes == []
            assert json.loads(run("gateway", "pull", "-o", "json")[1])["service"] == "contoso-apim"
            service.close()
