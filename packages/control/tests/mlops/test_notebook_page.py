"""The page of an executed notebook shows what the notebook's code made, and runs none of it."""

import json
from typing import Any

import pytest
from notebook_files import code_cell, notebook_text

from modelyard.mlops.notebook_page import PAGE_POLICY, notebook_page

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def page(*outputs: dict[str, Any], source: str = "x", name: str = "n.ipynb") -> str:
    return notebook_page(name, notebook_text(code_cell(source, outputs=outputs)).encode())


class TestNotebookPage:
    @pytest.mark.parametrize(
        "output",
        [
            {"output_type": "stream", "name": "stdout", "text": EVIL},
            {"output_type": "stream", "name": "stdout", "text": [EVIL]},
            {"output_type": "error", "ename": EVIL, "evalue": EVIL, "traceback": [EVIL]},
            {"output_type": "error", "ename": EVIL, "evalue": EVIL, "traceback": []},
            {"output_type": "display_data", "data": {"text/plain": EVIL}},
            {"output_type": "display_data", "data": {"text/html": EVIL}},
            {"output_type": "display_data", "data": {"image/svg+xml": EVIL}},
            {"output_type": "display_data", "data": {EVIL: EVIL}},
            {"output_type": "display_data", "data": {"image/png": f'"{EVIL}'}},
            {"output_type": EVIL, "data": {"text/markdown": EVIL}},
        ],
    )
    def test_no_output_is_markup(self, output: dict[str, Any]) -> None:
        drawn = page(output)

        assert "<script" not in drawn
        assert "<img src" not in drawn

    def test_no_name_and_no_source_is_markup(self) -> None:
        drawn = page(source=EVIL, name=f"{EVIL}.ipynb")
        text = {"cell_type": "markdown", "metadata": {}, "source": EVIL}

        assert "<script" not in drawn + notebook_page("n.ipynb", notebook_text("x", text).encode())

    def test_printed_text_errors_and_pictures_are_shown(self) -> None:
        drawn = page(
            {"output_type": "stream", "name": "stdout", "text": "a < b"},
            {"output_type": "display_data", "data": {"text/plain": "<Figure>", "image/png": "iVBO\nRw0="}},
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mValueError\x1b[0m: v"]},
        )

        assert "a &lt; b" in drawn
        assert 'src="data:image/png;base64,iVBORw0="' in drawn
        assert ">ValueError: v<" in drawn
        assert "In [7]" in drawn

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"{}", b'{"cells": 1}', b"[" * 100_000, b"\xff", b'{"cells": [1]}']
    )
    def test_what_is_no_notebook_is_a_page_nevertheless(self, content: bytes) -> None:
        assert notebook_page("n.ipynb", content).startswith("<!doctype html>")

    def test_outputs_of_another_shape_are_left_out(self) -> None:
        cell = code_cell("x") | {"outputs": [1, None, {"output_type": "stream", "text": {"a": 1}}, {"data": [1]}]}

        assert "In [7]" in notebook_page("n.ipynb", json.dumps({"cells": [cell]}).encode())

    def test_its_policy_allows_pictures_and_its_own_style_only(self) -> None:
        assert PAGE_POLICY.startswith("sandbox; default-src 'none'; img-src data:; style-src 'sha256-")
        assert "unsafe" not in PAGE_POLICY
