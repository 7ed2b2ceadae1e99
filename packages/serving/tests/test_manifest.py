from pathlib import Path

import orjson
import pytest

from modelyard_serving.errors import InvalidModel
from modelyard_serving.manifest import verify_manifest, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "bundle"
    (root / "model" / "deep").mkdir(parents=True)
    (root / "bundle.json").write_text("{}")
    (root / "model" / "deep" / "weights.bin").write_bytes(b"\x00" * 100_000)
    write_manifest(root)
    return root


def _rewrite(folder: Path, name: str, entry: object) -> None:
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = entry
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


class TestManifest:
    def test_an_untouched_folder_is_accepted(self, folder: Path) -> None:
        verify_manifest(folder)

    def test_it_lists_every_file_but_itself_sorted_with_its_size(self, folder: Path) -> None:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        assert list(manifest["files"]) == ["bundle.json", "model/deep/weights.bin"]
        assert manifest["files"]["model/deep/weights.bin"]["size"] == 100_000
        assert manifest["algorithm"] == "sha256"

    def test_writing_it_again_changes_nothing(self, folder: Path) -> None:
        before = (folder / "manifest.json").read_bytes()
        write_manifest(folder)
        assert (folder / "manifest.json").read_bytes() == before

    def test_a_changed_byte_of_the_same_size_is_refused(self, folder: Path) -> None:
        weights = folder / "model" / "deep" / "weights.bin"
        weights.write_bytes(b"\x01" + weights.read_bytes()[1:])
        with pytest.raises(InvalidModel, match=r"'model/deep/weights.bin' was changed.*sha256"):
            verify_manifest(folder)

    def test_a_file_of_another_size_is_refused(self, folder: Path) -> None:
        (folder / "bundle.json").write_text("{} ")
        with pytest.raises(InvalidModel, match="says 2 bytes, it has 3"):
            verify_manifest(folder)

    def test_a_missing_file_is_refused(self, folder: Path) -> None:
        (folder / "bundle.json").unlink()
        with pytest.raises(InvalidModel, match=r"not there: 'bundle.json'"):
            verify_manifest(folder)

    def test_an_unlisted_file_is_refused(self, folder: Path) -> None:
        (folder / "model" / "extra.py").write_text("")
        with pytest.raises(InvalidModel, match=r"does not list: 'model/extra.py'"):
            verify_manifest(folder)

    def test_a_link_is_refused_even_when_it_points_inside(self, folder: Path) -> None:
        (folder / "link").symlink_to(folder / "bundle.json")
        with pytest.raises(InvalidModel, match="link is a link or a device"):
            verify_manifest(folder)
        with pytest.raises(InvalidModel, match="link is a link or a device"):
            write_manifest(folder)

    @pytest.mark.parametrize(
        "name", ["../bundle.json", "/etc/passwd", "model/../bundle.json", "./bundle.json", "a\\b", ""]
    )
    def test_a_path_that_leaves_the_folder_or_is_not_plain_is_refused(self, folder: Path, name: str) -> None:
        _rewrite(folder, name, {"sha256": "0" * 64, "size": 2})
        with pytest.raises(InvalidModel, match="not a plain path inside the folder"):
            verify_manifest(folder)

    def test_an_entry_without_a_digest_is_refused(self, folder: Path) -> None:
        _rewrite(folder, "bundle.json", {"size": 2})
        with pytest.raises(InvalidModel, match=r"'bundle\.json' needs a string 'sha256'"):
            verify_manifest(folder)

    def test_another_algorithm_is_refused(self, folder: Path) -> None:
        (folder / "manifest.json").write_bytes(orjson.dumps({"algorithm": "md5", "files": {}}))
        with pytest.raises(InvalidModel, match="expected algorithm 'sha256', got 'md5'"):
            verify_manifest(folder)

    @pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[]", "no object 'files'")])
    def test_a_manifest_that_is_no_manifest_is_refused(self, folder: Path, text: str, message: str) -> None:
        (folder / "manifest.json").write_text(text)
        with pytest.raises(InvalidModel, match=message):
            verify_manifest(folder)

    def test_a_folder_without_one_is_refused(self, folder: Path) -> None:
        (folder / "manifest.json").unlink()
        with pytest.raises(InvalidModel, match=r"has no manifest\.json"):
            verify_manifest(folder)
