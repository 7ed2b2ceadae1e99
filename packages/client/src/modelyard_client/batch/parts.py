"""The folder beside an output in which it grows: a manifest of what is made, and parts that have their name when they
are whole. A kill leaves parts that are whole, and at most one draft; whoever goes on begins after the last of them."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelyard_client.batch.formats import TableFormat
from modelyard_client.errors import Conflict

_MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What an output is made of. Parts that were made of anything else are not gone on with."""

    source: str
    source_bytes: int
    source_modified_ns: int
    model: str
    version: str
    outputs: tuple[str, ...]
    """Those that were asked for; empty for the model's default ones."""
    sent: tuple[str, ...]
    kept: tuple[str, ...]
    """Columns of the source that the output has too."""
    rows_of_part: int
    share: str = ""
    """Which of the source's rows; empty for all."""

    def to_json(self) -> bytes:
        """One form for one manifest."""
        return json.dumps(asdict(self), indent=2).encode()


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows of an output; how many is in its file's name."""

    path: Path
    rows: int


class Parts:
    """The parts of one output. One process at a time may hold them."""

    def __init__(self, folder: Path, form: TableFormat) -> None:
        self._folder, self._form = folder, form

    @classmethod
    def beside(cls, output: Path, form: TableFormat) -> "Parts":
        """The parts of an output: `scores.parquet` grows in `scores.parquet.parts`."""
        return cls(output.with_name(f"{output.name}.parts"), form)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While no other process writes them.

        Raises:
            Conflict: another one does.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            _lock(handle, self._folder)
            yield
        finally:
            os.close(handle)

    def manifest(self) -> Manifest | None:
        """What the parts that are there were made of; None where there are none."""
        try:
            values: dict[str, Any] = json.loads((self._folder / _MANIFEST).read_text(encoding="utf-8"))
            lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
            return Manifest(**(values | lists))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, AttributeError) as error:
            raise Conflict(
                f"{self._folder / _MANIFEST} is none of ours; --restart begins anew", code="manifest_invalid"
            ) from error

    def begin(self, manifest: Manifest) -> list[Part]:
        """The parts of this manifest that there are already, from the first on and without a gap.

        Raises:
            Conflict: those that are there were made of something else; the message says of what.
        """
        found = self.manifest()
        if found is None:
            self.clear()
            self._write(self._folder / _MANIFEST, manifest.to_json())
            return []
        before, now = asdict(found), asdict(manifest)
        for name in now:
            if before[name] != now[name]:
                raise Conflict(
                    f"{self._folder} was begun with another {name.replace('_', ' ')}: {before[name]}, now {now[name]}; "
                    "--restart begins anew",
                    code="manifest_differs",
                    field=name,
                )
        whole: list[Part] = []
        while (part := self._find(len(whole))) is not None:
            whole.append(part)
        return whole

    def draft(self, number: int) -> Path:
        """Where a part is written; a draft that a kill has left is written over."""
        return self._folder / f"part-{number:06d}.draft"

    def complete(self, number: int, rows: int) -> Part:
        """The part that a draft, which is on the disk, becomes in one step."""
        place = self._folder / f"part-{number:06d}-{rows}.{self._form}"
        self.draft(number).replace(place)
        self._sync()
        return Part(place, rows)

    def _find(self, number: int) -> Part | None:
        for place in self._folder.glob(f"part-{number:06d}-*.{self._form}"):
            return Part(place, int(place.stem.rpartition("-")[2]))
        return None

    def clear(self) -> None:
        """Remove every part and what they are made of."""
        for place in [self._folder / _MANIFEST, *self._folder.iterdir()]:  # Without a manifest no part counts.
            place.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder too."""
        self.clear()
        self._folder.rmdir()

    def _write(self, place: Path, content: bytes) -> None:
        draft = place.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
        self._sync()

    def _sync(self) -> None:
        """Have the names of the folder on the disk."""
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(f"another process writes to {folder}", code="output_busy") from error
