"""What a kill leaves of an output, and who goes on with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from modelyard_client.batch.formats import TableFormat
from modelyard_client.batch.parts import Manifest, Parts
from modelyard_client.errors import Conflict

MANIFEST = Manifest(
    source="/rows.parquet",
    source_bytes=9,
    source_modified_ns=1,
    model="churn",
    version="3",
    outputs=(),
    sent=("age",),
    kept=("id",),
    rows_of_part=4,
)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts.beside(tmp_path / "scores.csv", TableFormat.CSV)


def write(parts: Parts, number: int, rows: int) -> None:
    parts.draft(number).write_text("x\n")
    parts.complete(number, rows)


def test_whole_parts_are_gone_on_with_and_a_draft_is_not_one(parts: Parts) -> None:
    with parts.held():
        assert parts.begin(MANIFEST) == []
        write(parts, 0, 4)
        write(parts, 1, 4)
        parts.draft(2).write_text("half of")

        assert [part.rows for part in parts.begin(MANIFEST)] == [4, 4]


def test_parts_behind_a_gap_do_not_count(parts: Parts) -> None:
    with parts.held():
        parts.begin(MANIFEST)
        write(parts, 0, 4)
        write(parts, 2, 4)

        assert len(parts.begin(MANIFEST)) == 1


@pytest.mark.parametrize(
    "other", [{"version": "4"}, {"source_bytes": 10}, {"kept": ()}, {"outputs": ("probabilities",)}]
)
def test_parts_of_something_else_are_refused_by_what_differs(parts: Parts, other: dict[str, object]) -> None:
    with parts.held():
        parts.begin(MANIFEST)

        with pytest.raises(Conflict, match=next(iter(other)).replace("_", " ")):
            parts.begin(replace(MANIFEST, **other))  # type: ignore[arg-type]  # Any of its fields.
        parts.clear()
        assert parts.begin(replace(MANIFEST, **other)) == []  # type: ignore[arg-type]


def test_two_processes_do_not_write_one_output(parts: Parts) -> None:
    with parts.held(), pytest.raises(Conflict, match="another process writes"), parts.held():
        pass


def test_a_manifest_that_is_none_is_refused(parts: Parts, tmp_path: Path) -> None:
    with parts.held():
        (tmp_path / "scores.csv.parts" / "manifest.json").write_text("[]")
        with pytest.raises(Conflict, match="is none of ours"):
            parts.begin(MANIFEST)
