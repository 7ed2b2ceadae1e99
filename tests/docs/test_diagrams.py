"""The documentation's diagrams are what the tables in the code say."""

import subprocess
import sys
from pathlib import Path

import diagrams

SCRIPT = Path(__file__).parents[2] / "docs" / "diagrams.py"


class TestDiagrams:
    def test_they_are_current(self) -> None:
        checked = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)

        assert checked.returncode == 0, checked.stderr

    def test_every_life_cycle_of_the_code_is_drawn(self) -> None:
        page = diagrams.PAGE.read_text()

        missing = [noun for noun in diagrams.tables() if f"<!-- life cycle: {noun} -->" not in page]

        assert diagrams.tables().keys() >= {"jobs", "deployments", "registry"}
        assert missing == []

    def test_every_noun_is_drawn_with_what_it_imports(self) -> None:
        page = diagrams.NOUNS_PAGE.read_text()

        assert "    deployments --> images\n" in page
        assert "| jobs | `log`, `running`, `workflow` |\n" in page
        assert diagrams.redraw_nouns(page.replace("    deployments --> images\n", "")) == page

    def test_an_arrow_that_follows_from_others_is_left_out(self) -> None:
        imports = {"c": {"a", "b"}, "b": {"a"}, "a": set()}

        assert list(diagrams.reduced(imports)) == [("c", "b"), ("b", "a")]

    def test_a_change_of_a_table_changes_the_page(self) -> None:
        page = diagrams.PAGE.read_text()
        without_a_line = page.replace("    queued --> running\n", "")

        assert without_a_line != page
        assert diagrams.redraw(without_a_line) == page
