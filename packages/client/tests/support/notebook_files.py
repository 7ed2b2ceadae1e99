"""Notebooks as Jupyter writes them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def code_cell(source: str, *, tags: Sequence[str] = (), outputs: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A cell that was run once."""
    return {
        "cell_type": "code",
        "execution_count": 7,
        "id": f"c{abs(hash(source)) % 10**6}",
        "metadata": {"tags": list(tags), "execution": {"iopub.status.busy": "2026-11-30T00:00:00Z"}},
        "outputs": list(outputs),
        "source": source.splitlines(keepends=True),
    }


def notebook_text(*cells: str | Mapping[str, Any], **metadata: Any) -> str:
    """A notebook of these cells; a text is a cell of code."""
    return json.dumps(
        {
            "cells": [code_cell(cell) if isinstance(cell, str) else cell for cell in cells],
            "metadata": {"language_info": {"name": "python"}, **metadata},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
