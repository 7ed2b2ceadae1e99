"""Programs that declare the gateway's objects at Azure, against golden files and against Pulumi's own mocks."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from apim_world import BACKEND, PETRA, Objects, Reach, document_001
from gateway_objects import MADE, a_revision, a_version_set, an_api

from modelyard.adapters.clock.manual import ManualClock
from modelyard.apim.domain import PushedProduct
from modelyard.apim.export import NewService, bicep_file, declared, pulumi_program
from modelyard.apim.service import AzureGateway
from modelyard.gateway.domain import Target, VersioningScheme

_HERE = Path(__file__).parent
_PULUMI = os.environ.get("MODELYARD_PULUMI_PYTHON")
_NEW = NewService("Your Publisher Name", "publisher@email.com")
_CORRECTIONS = (
    ("apim.ResourceGroup(", "resources.ResourceGroup("),
    ("import apimanagement as apim", "import apimanagement as apim, resources"),
    ('sku_name="Consumption_0"', 'sku={"name": "Consumption", "capacity": 0}'),
    ("api_release_notes=", "notes="),
)
"""What must be changed in the document's program before pulumi-azure-native takes it."""


def _declared(objects: Objects, *, service: NewService | None = None, passes_all: bool = False) -> Any:
    gateway = AzureGateway(
        service=None,
        objects=objects,
        backends=Reach(),
        clock=ManualClock(MADE),
        tenant_id="default",
        installation=lambda: "",
    )
    return declared(gateway.wanted(PETRA, passes_all=passes_all), service=service)


def _everything() -> Objects:
    """One of each kind, with words that a program must not take for its own."""
    objects = document_001()
    objects.sets.append(
        a_version_set(
            version_set_id="by-header",
            display_name='It\'s ${quoted} \\ "twice"',
            scheme=VersioningScheme.HEADER,
            parameter="Api-Version",
        )
    )
    objects.known_revisions.append(
        a_revision(number=2, target=Target(service_url="http://second"), timeout_seconds=30, description="line\nbreak")
    )
    objects.known_apis.append(
        an_api(
            api_id="class", path="class", version_set_id="by-header", api_version="2", key_header="X-Key", key_query="k"
        )
    )
    objects.known_revisions.append(a_revision(api_id="class", target=BACKEND))
    objects.known_products.append(PushedProduct("team", "Team", "For teams.", ["class"], calls=5, seconds=60))
    objects.release(2, "second", notes="Faster")
    objects.release(1, "first", api_id="class")
    return objects


def _documents_program(*, but: int | None = None) -> str:
    """The document's program with its corrections, or all but one of them."""
    program = _golden("document_001.program.txt")
    for index, (before, after) in enumerate(_CORRECTIONS):
        assert before in program
        program = program if index == but else program.replace(before, after)
    return program


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each program declares to Pulumi, whose engine is a mock."""
    if _PULUMI is None:
        pytest.skip("MODELYARD_PULUMI_PYTHON names no interpreter with pulumi-azure-native==3.29.0")
    folder = tmp_path_factory.mktemp("programs")
    programs = {
        "theirs": _documents_program(),
        "ours": pulumi_program(_declared(document_001(), service=_NEW)),
        "everything": pulumi_program(_declared(_everything(), passes_all=True)),
        **{f"without {index}": _documents_program(but=index) for index in range(len(_CORRECTIONS))},
    }
    for name, program in programs.items():
        (folder / f"{name}.py").write_text(program, encoding="utf-8")
    command = [_PULUMI, str(_HERE / "run_with_mocks.py"), *(str(folder / f"{name}.py") for name in programs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return dict(zip(programs, map(json.loads, done.stdout.splitlines()), strict=True))


class TestGoldenFiles:
    @pytest.mark.parametrize(
        ("name", "write"), [("everything.pulumi.py.txt", pulumi_program), ("everything.bicep", bicep_file)]
    )
    def test_everything(self, name: str, write: Any) -> None:
        assert write(_declared(_everything(), passes_all=True)) == _golden(name)

    @pytest.mark.parametrize(
        ("name", "write"), [("document_001.pulumi.py.txt", pulumi_program), ("document_001.bicep", bicep_file)]
    )
    def test_document_001(self, name: str, write: Any) -> None:
        assert write(_declared(document_001(), service=_NEW)) == _golden(name)


class TestPulumi:
    def test_our_export_declares_what_the_documents_program_declares(self, ran: dict[str, dict[str, Any]]) -> None:
        """Document 001: the same types with the same inputs; and a name for the version set, which it leaves open."""
        ours, theirs = ran["ours"], ran["theirs"]
        by_type = {each["type"]: each["inputs"] for each in ours["resources"]}
        assert by_type["azure-native:apimanagement:ApiVersionSet"].pop("versionSetId") == "api-version-set"

        assert len(by_type) == len(ours["resources"]) == 5
        assert by_type == {each["type"]: each["inputs"] for each in theirs["resources"]}
        assert ours["exports"] == theirs["exports"] == ["apiManagementServiceIp"]

    def test_each_correction_of_the_documents_program_is_needed(self, ran: dict[str, dict[str, Any]]) -> None:
        errors = [ran[f"without {index}"]["error"].partition(":")[0] for index in range(len(_CORRECTIONS))]

        assert errors == ["AttributeError", "NameError", "TypeError", "TypeError"]

    def test_every_kind_is_taken(self, ran: dict[str, dict[str, Any]]) -> None:
        found = ran["everything"]["resources"]

        kinds = {each["type"].rpartition(":")[2] for each in found}
        assert kinds >= {"ApiVersionSet", "Api", "ApiOperation", "ApiPolicy", "ApiRelease", "Product", "ProductApi"}
        titles = [each["inputs"]["displayName"] for each in found if each["type"].endswith(":ApiVersionSet")]
        assert 'It\'s ${quoted} \\ "twice"' in titles


def _golden(name: str) -> str:
    return (_HERE / "golden" / name).read_text(encoding="utf-8")
