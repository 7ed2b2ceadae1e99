"""SQLite files with the schema and no rows: migrated once in a process, and copied from there on."""

import tempfile
from functools import cache
from pathlib import Path

from modelyard.db import Database
from modelyard.home import Home


def lay_schema(home: Home) -> None:
    """Put the empty database into a home that has none yet."""
    home.make()
    if not home.database_file.exists():
        home.database_file.write_bytes(empty_database())


@cache
def empty_database() -> bytes:
    """The content of a file of SQLite that holds the schema and no rows."""
    with tempfile.TemporaryDirectory(prefix="modelyard-schema-") as folder:
        path = Path(folder) / "modelyard.db"
        database = Database(f"sqlite:///{path}")
        database.migrate()
        database.close()
        return path.read_bytes()
