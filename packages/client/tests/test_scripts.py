from pathlib import Path

import pytest

from modelyard_client.errors import Invalid
from modelyard_client.scripts import Script, default_model_name, read_requirements, requirements_of

BLOCK = """# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "scikit-learn>=1.5",  # the model
#   "mlflow",
# ]
#
# [tool.other]
# x = 1
# ///
import mlflow
"""


class TestInlineRequirements:
    def test_dependencies_of_the_script_block_are_read(self) -> None:
        assert Script("train.py", BLOCK).inline_requirements() == ("scikit-learn>=1.5", "mlflow")

    def test_windows_line_ends_are_read_too(self, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_bytes(BLOCK.replace("\n", "\r\n").encode())
        assert Script.read(tmp_path / "train.py").inline_requirements() == ("scikit-learn>=1.5", "mlflow")

    @pytest.mark.parametrize("content", ["import mlflow\n", "# /// other\n# dependencies = ['a']\n# ///\n", ""])
    def test_a_script_without_a_block_needs_nothing(self, content: str) -> None:
        assert Script("train.py", content).inline_requirements() == ()

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (BLOCK + "\n" + BLOCK, "train.py has 2 `# /// script` blocks, expected at most one"),
            ("# /// script\n# dependencies = [\n# ///\n", "train.py has a `# /// script` block that is not TOML"),
            ("# /// script\n# dependencies = 'a'\n# ///\n", "train.py names `dependencies` that are not a list"),
        ],
    )
    def test_a_block_that_cannot_be_read_is_an_error(self, content: str, sentence: str) -> None:
        with pytest.raises(Invalid) as caught:
            Script("train.py", content).inline_requirements()
        assert caught.value.message.startswith(sentence)


class TestReadRequirements:
    def test_comments_and_empty_lines_are_left_out(self, tmp_path: Path) -> None:
        file = tmp_path / "requirements.txt"
        file.write_text("# all\nscikit-learn==1.7.2  # pinned\n\npandas>=2; python_version > '3.10'\n")
        assert read_requirements(file) == ("scikit-learn==1.7.2", "pandas>=2; python_version > '3.10'")

    @pytest.mark.parametrize("line", ["-r other.txt", "--index-url https://x", "-e .", "pandas==2.0 \\"])
    def test_an_option_is_an_error_that_names_its_line(self, tmp_path: Path, line: str) -> None:
        file = tmp_path / "requirements.txt"
        file.write_text(f"scikit-learn\n{line}\n")
        with pytest.raises(Invalid, match="line 2: expected one requirement"):
            read_requirements(file)


class TestRequirementsOf:
    def test_what_is_named_and_what_is_in_files_comes_together(self, tmp_path: Path) -> None:
        file = tmp_path / "requirements.txt"
        file.write_text("pandas\n")
        assert requirements_of(Script("train.py", BLOCK), named=["numpy"], files=[file]) == ("numpy", "pandas")

    def test_without_either_the_script_says_it(self) -> None:
        assert requirements_of(Script("train.py", BLOCK)) == ("scikit-learn>=1.5", "mlflow")


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
