"""Pages that are made from the code: written, or compared with what the code says."""

import sys
from collections.abc import Mapping
from pathlib import Path


def write_or_check(pages: Mapping[Path, str], *, command: str) -> int:
    """Write the pages, or with `--check` compare them. Gives the exit code.

    Args:
        pages: what each is to hold.
        command: the make target that writes them.
    """
    stale = {page: text for page, text in pages.items() if not page.exists() or page.read_text("utf-8") != text}
    if sys.argv[1:] == ["--check"]:
        for page in stale:
            print(f"{page} is not what the code says; run `make {command}`", file=sys.stderr)
        return int(bool(stale))
    for page, text in stale.items():
        page.write_text(text, encoding="utf-8")
    return 0
