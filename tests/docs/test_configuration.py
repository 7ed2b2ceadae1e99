"""The committed list of settings has each of them, as the code has it."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from modelyard.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
_ROW = re.compile(
    r"\| `(?P<variable>[A-Z_]+)`[^|]* \| (?P<value>[^|]+) \| (?P<default>[^|]+) \| (?P<reported>[^|]+) \|"
)


class TestTheListOfSettings:
    def test_it_is_current(self) -> None:
        command = [sys.executable, str(DOCS / "configuration.py"), "--check"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)

        assert checked.returncode == 0, checked.stderr

    def test_it_tells_of_every_setting_its_name_its_value_its_default_and_what_it_is_for(self) -> None:
        rows = [line for line in (DOCS / "configuration.md").read_text().splitlines() if line.startswith("| `")]
        listed = [found["variable"] for row in rows if (found := _ROW.fullmatch(row))]

        groups = [getattr(Settings(), field.name) for field in fields(Settings)]
        known = [group.variables(name)[0] for group in groups for name in type(group).model_fields]
        assert listed == known
        assert len(set(known)) == len(known)
