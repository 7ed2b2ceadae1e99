"""Fills Modelyard's tables with the catalogue. The rows are the ones that a registration writes, many at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from benchmarks.registry.bulk import fill, filling
from benchmarks.registry.catalogue import Entry, model_tags
from pyroaring import BitMap
from sqlalchemy import Table

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.system import SystemClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.naming import derived_labels
from modelyard.principals import FIRST_TENANT
from modelyard.registry import tables
from modelyard.registry.domain import FileEntry, Manifest
from modelyard.registry.search_index.bitmaps import LIVING, Kind, Page, block_of, place_of, place_of_model, written
from modelyard.registry.search_index.rows import stage_set, tag_digest
from modelyard.registry.states import Stage
from modelyard.tracker_names import mirror_name

_FILES = Manifest(
    (
        FileEntry("MLmodel", "0" * 64, 600),
        FileEntry("model.pkl", "1" * 64, 40_000),
    )
)
_DIGEST, _SIZE = _FILES.digest, _FILES.size
_SIGNATURE = {"inputs": [{"type": "double", "name": f"x{i}"} for i in range(10)]}
_CHUNK = 10_000


def seed(url: str, catalogue: Iterable[Entry], reported: Callable[[int], None] = lambda _: None) -> str:
    """Make the schema and the rows, and return an administrator's token. `reported` is called with the number of
    versions."""
    database = Database(url)
    database.migrate()
    secret = _first_token(database)
    database.close()
    entries = iter(catalogue)
    sets = _Sets()
    with filling(url, [*_rows([]), tables.search_slots, tables.search_sets]) as connection:
        while chunk := list(islice(entries, _CHUNK)):
            for table, rows in _rows(chunk).items():
                fill(connection, table, rows)
            sets.take(chunk)
            reported(len(chunk))
        fill(connection, tables.search_slots, sets.slots)
        fill(connection, tables.search_sets, sets.rows())
    return secret


class _Sets:
    """What a search for tags intersects."""

    def __init__(self) -> None:
        self.slots: list[dict[str, Any]] = []
        self._pages: defaultdict[Page, BitMap] = defaultdict(BitMap)
        self._last: tuple[str, int] | None = None

    def take(self, chunk: Sequence[Entry]) -> None:
        """Versions of one model come after each other."""
        for entry in chunk:
            block = block_of(entry.version)
            if self._last != (entry.model, block):
                self._last = (entry.model, block)
                self._begin(entry.model, block)
            page, number = place_of(len(self.slots) - 1, entry.version)
            for digest in (LIVING, stage_set(Stage(entry.stage)), *(tag_digest(*tag) for tag in entry.tags.items())):
                self._pages[Page(digest, Kind.VERSION, page)].add(number)

    def rows(self) -> list[dict[str, Any]]:
        """Of all that was taken."""
        return [
            {"tenant_id": FIRST_TENANT, "digest": digest, "kind": kind, "page": page, "members": written(numbers)}
            for (digest, kind, page), numbers in self._pages.items()
        ]

    def _begin(self, model: str, block: int) -> None:
        slot = len(self.slots)
        self.slots.append({"tenant_id": FIRST_TENANT, "slot": slot, "model_name": model, "block": block})
        page, number = place_of_model(slot)
        for tag in model_tags(model).items():
            self._pages[Page(tag_digest(*tag), Kind.MODEL, page)].add(number)


def _first_token(database: Database) -> str:
    audit = AuditLog(database=database, clock=SystemClock())
    tokens = Tokens(database=database, clock=SystemClock(), audit=audit)
    failures = FailedLogins(clock=SystemClock(), most=30)
    access = AccessService(database=database, clock=SystemClock(), tokens=tokens, is_open=False, failures=failures)
    secret = access.first_token()
    if secret is None:
        raise RuntimeError("the database was filled before")
    return secret


def _rows(chunk: Sequence[Entry]) -> dict[Table, list[dict[str, Any]]]:
    """By table."""
    begun = [entry for entry in chunk if entry.version == 1]
    return {
        tables.models: [_model(entry) for entry in begun],
        tables.model_tags: [row for entry in begun for row in _tags_of_model(entry)],
        tables.versions: [_version(entry) for entry in chunk],
        tables.version_files: [row for entry in chunk for row in _files(entry)],
        tables.version_tags: [row for entry in chunk for row in _tags(entry)],
        tables.version_metrics: [row for entry in chunk for row in _metrics(entry)],
    }


def _model(entry: Entry) -> dict[str, Any]:
    return {
        "tenant_id": FIRST_TENANT,
        "name": entry.model,
        "label": next(derived_labels(entry.model)),
        "mirror_name": mirror_name(FIRST_TENANT, entry.model),
        "description": "",
        "tags": dict(model_tags(entry.model)),
        "owners": [],
        "last_version": entry.last_version,
        "created_at": entry.created_at,
        "updated_at": entry.created_at,
        "revision": entry.last_version,
    }


def _version(entry: Entry) -> dict[str, Any]:
    return {
        **_key(entry),
        "stage": entry.stage,
        "model_uri": f"models:/m-{entry.run_id}",
        "artifact_uri": f"mlflow-artifacts:/1/models/m-{entry.run_id}/artifacts",
        "run_id": entry.run_id,
        "experiment_name": entry.model,
        "description": "",
        "tags": dict(entry.tags),
        "metrics": dict(entry.metrics),
        "parameters": {"depth": "8", "trees": "100", "seed": str(entry.version)},
        "signature": _SIGNATURE,
        "datasets": [],
        "manifest_digest": _DIGEST,
        "size": _SIZE,
        "created_at": entry.created_at,
        "created_by": "benchmark",
        "revision": 1,
    }


def _key(entry: Entry) -> dict[str, Any]:
    return {"tenant_id": FIRST_TENANT, "model_name": entry.model, "version": entry.version}


def _files(entry: Entry) -> list[dict[str, Any]]:
    return [{**_key(entry), "path": file.path, "sha256": file.sha256, "size": file.size} for file in _FILES.files]


def _tags_of_model(entry: Entry) -> list[dict[str, Any]]:
    key = {"tenant_id": FIRST_TENANT, "model_name": entry.model}
    return [{**key, "digest": tag_digest(*tag)} for tag in model_tags(entry.model).items()]


def _tags(entry: Entry) -> list[dict[str, Any]]:
    return [{**_key(entry), "digest": tag_digest(*tag)} for tag in entry.tags.items()]


def _metrics(entry: Entry) -> list[dict[str, Any]]:
    return [{**_key(entry), "name": name, "value": value} for name, value in entry.metrics.items()]
