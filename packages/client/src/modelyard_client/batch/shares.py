"""A share of a file's rows: so many processes predict one file, each into a file of its own, each row once. Pure."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from modelyard_client.errors import Invalid

MOST = 100_000
"""As many as an indexed Job of Kubernetes may have."""


@dataclass(frozen=True, slots=True)
class Share:
    """The `index`-th, from 0 on, of `count` shares."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `INDEX/COUNT`, such as 3/8.

        Raises:
            Invalid: it is none.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        index, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 0 <= index < count <= MOST:
            expected = f"INDEX/COUNT with an INDEX from 0 to COUNT - 1 and at most {MOST:,} shares"
            raise Invalid(f"expected {expected}, such as 3/8, got {text!r}", code="share_invalid", field="share")
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def rows(self, total: int) -> range:
        """Its rows of a file of `total`: consecutive ones, each in one share; sizes differ by one at most."""
        return range(total * self.index // self.count, total * (self.index + 1) // self.count)

    def place(self, output: Path) -> Path:
        """Where it goes: `scores.parquet` becomes `scores-00003-of-00008.parquet`."""
        return output.with_name(f"{output.stem}-{self.index:05d}-of-{self.count:05d}{output.suffix}")
