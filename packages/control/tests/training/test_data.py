"""The data that a run is given: what a reference may be, and where the script finds it."""

import hashlib
import json
from pathlib import Path

import pytest

from modelyard.errors import Invalid
from modelyard.registry.provenance import DataReference
from modelyard.training.data import checked_data, data_tags, data_variables

DIGEST = hashlib.sha256(b"a,b\n").hexdigest()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "rows.csv").write_bytes(b"a,b\n")
    (tmp_path / "secret").write_text("not of the project")
    return tmp_path / "project"


class TestReferences:
    def test_a_file_of_the_project_is_known_by_its_content(self, project: Path) -> None:
        given = {"rows": DataReference("project:rows.csv"), "more": DataReference("s3://sales/2026", DIGEST)}
        assert checked_data(given, project) == {
            "rows": DataReference("project:rows.csv", DIGEST),
            "more": DataReference("s3://sales/2026", DIGEST),
        }

    def test_a_file_that_is_not_what_was_said_is_refused(self, project: Path) -> None:
        with pytest.raises(Invalid) as refused:
            checked_data({"rows": DataReference("project:rows.csv", "0" * 64)}, project)
        assert (refused.value.code, refused.value.field) == ("data_changed", "data.rows")

    @pytest.mark.parametrize(
        ("name", "uri", "sha256"),
        [
            ("rows", "project:../secret", None),
            ("rows", "project:/etc/passwd", None),
            ("rows", "project:missing.csv", None),
            ("rows", "project:", None),
            ("rows", "rows.csv", None),
            ("rows", "s3://a b", None),
            ("rows", "s3://a\nb", None),
            ("rows", "s3:" + "x" * 2000, None),
            ("rows", "s3://a", "ABC"),
            ("9rows", "s3://a", None),
            ("ro=ws", "s3://a", None),
            ("", "s3://a", None),
        ],
    )
    def test_what_is_no_reference_is_refused_by_its_name(
        self, project: Path, name: str, uri: str, sha256: str | None
    ) -> None:
        with pytest.raises(Invalid) as refused:
            checked_data({name: DataReference(uri, sha256)}, project)
        assert (refused.value.code, refused.value.field) == ("data_invalid", f"data.{name}")

    def test_a_script_alone_has_no_files(self) -> None:
        with pytest.raises(Invalid, match="a file of the project"):
            checked_data({"rows": DataReference("project:rows.csv")}, None)

    def test_two_of_one_variable_are_refused(self) -> None:
        with pytest.raises(Invalid, match="MODELYARD_DATA_MY_ROWS"):
            checked_data({"my-rows": DataReference("s3://a"), "MY_ROWS": DataReference("s3://b")}, None)


GIVEN = {"my-rows": {"uri": "s3://sales", "sha256": DIGEST}, "local": {"uri": "project:rows.csv", "sha256": None}}


class TestHandingOver:
    def test_the_script_finds_each_in_a_variable_and_all_as_json(self) -> None:
        variables = data_variables(GIVEN)
        assert json.loads(variables.pop("MODELYARD_DATA")) == GIVEN
        assert variables == {"MODELYARD_DATA_MY_ROWS": "s3://sales", "MODELYARD_DATA_LOCAL": "rows.csv"}
        assert data_variables({}) == {}

    def test_its_runs_say_so(self) -> None:
        assert data_tags(GIVEN) == {
            "modelyard.data.my-rows": f"s3://sales@{DIGEST}",
            "modelyard.data.local": "project:rows.csv",
        }
