from pathlib import Path

import pytest

from modelyard_client.errors import Invalid
from modelyard_client.scripts import Script, default_model_name


class TestRead:
    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match=r"none\.py: No such file or directory"):
            Script.read(tmp_path / "none.py")

    def test_a_file_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(Invalid, match="is not UTF-8 text"):
            Script.read(tmp_path / "train.py")


class TestDefaultModelName:
    def test_it_is_as_the_platform_makes_it(self) -> None:
        assert default_model_name("Breast_Cancer.py") == "breast-cancer"
