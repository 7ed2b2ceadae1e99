"""Manifests, and the life of a version's stage as docs/architecture/02-life-cycles.md draws it."""

from dataclasses import replace
from itertools import pairwise

import pytest

from modelyard.errors import Invalid
from modelyard.registry.domain import (
    MAX_PATH_BYTES,
    MAX_PATH_LENGTH,
    FileEntry,
    Manifest,
    check_manifest,
    manifest_difference,
)
from modelyard.registry.states import TRANSITIONS, Stage

MODEL = FileEntry("model.pkl", "a" * 64, 10)
CONFIG = FileEntry("config.json", "b" * 64, 5)


class TestStages:
    def test_the_table_knows_every_stage(self) -> None:
        assert TRANSITIONS.keys() == set(Stage)

    def test_a_version_climbs_one_step_at_a_time(self) -> None:
        climb = [Stage.NONE, Stage.STAGING, Stage.PRODUCTION, Stage.ARCHIVED]
        assert all(after in TRANSITIONS[before] for before, after in pairwise(climb))

    def test_demotions_are_three(self) -> None:
        demotions = {(Stage.PRODUCTION, Stage.STAGING), (Stage.STAGING, Stage.NONE), (Stage.ARCHIVED, Stage.STAGING)}
        climbs = {
            (Stage.NONE, Stage.STAGING),
            (Stage.STAGING, Stage.PRODUCTION),
            (Stage.PRODUCTION, Stage.ARCHIVED),
        }
        assert {(before, after) for before in Stage for after in TRANSITIONS[before]} == climbs | demotions


class TestManifest:
    def test_its_digest_does_not_hang_on_the_order_of_its_files(self) -> None:
        assert Manifest((MODEL, CONFIG)).digest == Manifest((CONFIG, MODEL)).digest

    @pytest.mark.parametrize(
        "other", [replace(MODEL, path="m.pkl"), replace(MODEL, sha256="c" * 64), replace(MODEL, size=11)]
    )
    def test_its_digest_hangs_on_everything_else(self, other: FileEntry) -> None:
        assert Manifest((MODEL,)).digest != Manifest((other,)).digest

    def test_its_size_is_that_of_all_files(self) -> None:
        assert Manifest((MODEL, CONFIG)).size == 15

    def test_the_same_files_do_not_differ(self) -> None:
        assert manifest_difference(Manifest((MODEL, CONFIG)), Manifest((CONFIG, MODEL))) == []

    def test_what_is_missing_changed_or_new_is_named(self) -> None:
        gone, new = FileEntry("gone", "d" * 64, 1), FileEntry("new", "e" * 64, 1)
        found = Manifest((replace(MODEL, sha256="c" * 64), CONFIG, new))
        assert manifest_difference(Manifest((MODEL, CONFIG, gone)), found) == ["gone", "model.pkl", "new"]


class TestCheckManifest:
    def test_one_that_every_database_holds_is_taken(self) -> None:
        check_manifest(Manifest((MODEL, replace(MODEL, path="größe/" + "x" * (MAX_PATH_LENGTH - 6)))))

    @pytest.mark.parametrize("path", ["x" * (MAX_PATH_LENGTH + 1), "a\nb", "a\udcff"])
    def test_a_path_that_one_cannot_write_down_is_refused(self, path: str) -> None:
        with pytest.raises(Invalid, match="printable characters") as caught:
            check_manifest(Manifest((MODEL, replace(MODEL, path=path))))
        assert caught.value.message.isascii()

    def test_a_path_that_fits_into_no_index_is_refused(self) -> None:
        owl = "🦉"
        longest = owl * (MAX_PATH_BYTES // 4)
        check_manifest(Manifest((replace(MODEL, path=longest),)))
        with pytest.raises(Invalid, match="has 1504 bytes in UTF-8, expected at most 1500") as caught:
            check_manifest(Manifest((replace(MODEL, path=longest + owl),)))
        assert caught.value.message.isascii()

    def test_a_model_without_files_is_refused(self) -> None:
        with pytest.raises(Invalid, match="no file"):
            check_manifest(Manifest(()))
