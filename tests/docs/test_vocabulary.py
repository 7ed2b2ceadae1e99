"""The check of the vocabulary finds a banned word wherever it stands, and leaves other words alone."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "vocabulary.py"
WORD = "cou" + "rier"


@pytest.fixture(scope="module")
def vocabulary() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vocabulary", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    def test_a_banned_word_is_found_in_prose_and_in_names(self, vocabulary: ModuleType, text: str) -> None:
        (found,) = vocabulary.check(f"\n{text}", "a.py")

        assert found.startswith("a.py:2: ")
        assert found.endswith("use: WebhookDispatcher")

    @pytest.mark.parametrize("text", [f"{WORD}ed", "ends_at_" + "once", "at once", "wishlist"])
    def test_a_part_of_another_word_is_none(self, vocabulary: ModuleType, text: str) -> None:
        assert not list(vocabulary.check(text, "a.py"))

    def test_a_document_outside_of_the_project_is_not_cited(self, vocabulary: ModuleType) -> None:
        (found,) = vocabulary.check("(" + "design" + ".md, section 4)", "a.py")

        assert "docs/laws.md" in found
