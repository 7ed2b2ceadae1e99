"""The check of the vocabulary finds a banned word wherever it stands, and leaves other words alone."""

from pathlib import Path

import pytest

import vocabulary

SCRIPT = Path(__file__).parents[2] / "docs" / "vocabulary.py"
WORD = "cou" + "rier"


class TestVocabulary:
    @pytest.mark.parametrize(
        "text",
        [
            f"the {WORD} sends",
            f"_{WORD}_of_events = 1",
            f"class {WORD.capitalize()}:",
            f"class Fast{WORD.capitalize()}:",
        ],
    )
    def test_a_banned_word_is_found_in_prose_and_in_names(self, text: str) -> None:
        (found,) = vocabulary.check(f"\n{text}", "a.py")

        assert found.startswith("a.py:2: ")
        assert found.endswith("use: WebhookDispatcher")

    @pytest.mark.parametrize("text", [f"{WORD}ed", "ends_at_" + "once", "at once", "wishlist"])
    def test_a_part_of_another_word_is_none(self, text: str) -> None:
        assert not list(vocabulary.check(text, "a.py"))

    def test_a_document_outside_of_the_project_is_not_cited(self) -> None:
        (found,) = vocabulary.check("(" + "design" + ".md, section 4)", "a.py")

        assert "docs/laws.md" in found
