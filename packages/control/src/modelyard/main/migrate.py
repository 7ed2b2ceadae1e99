"""`python -m modelyard.main.migrate`: brings the schema up to date, before control planes of a release start."""

import sys

from modelyard.db import Database
from modelyard.errors import ModelyardError
from modelyard.storage import StorageSettings


def main() -> None:
    """Migrate the database of the settings. Ends with one sentence where it cannot."""
    try:
        storage = StorageSettings()
        storage.places.make()
        database = Database(storage.database)
        before = database.revision() if database.is_reachable() else None
        database.migrate()
    except ModelyardError as error:
        sys.exit(error.message)
    after = database.revision()
    database.close()
    print(f"the schema is {after}" + ("" if before == after else f", it was {before or 'empty'}"))  # noqa: T201


if __name__ == "__main__":
    main()
