"""Files are there whole or not at all, and an error names what the user has named."""

from pathlib import Path

import pytest

from modelyard_client.whole_files import draft_of


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "image.tar"
    place.write_text("old")
    with draft_of(place) as draft:
        draft.write_text("new")
        assert place.read_text() == "old"
    assert place.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["image.tar"]


def test_a_folder_that_is_half_written_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with draft_of(tmp_path / "layout") as draft:
            (draft / "blobs").mkdir(parents=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_place_and_not_the_draft(tmp_path: Path) -> None:
    place = tmp_path / "absent" / "image.tar"
    with pytest.raises(FileNotFoundError) as caught, draft_of(place) as draft:
        draft.write_text("new")
    assert caught.value.filename == str(place)


def test_a_folder_at_the_place_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught, draft_of(tmp_path):
        pytest.fail("the block was entered")
    assert caught.value.filename == str(tmp_path)
