"""The id of this installation: of everybody who shares its database. Targets label with it what they make."""

from collections.abc import Callable
from functools import cache
from uuid import uuid4

from sqlalchemy import select

from modelyard.db import Database
from modelyard.db.statements import insert_new
from modelyard.deployments.tables import installation

_ONLY = 1


def installation_of(database_url: str) -> Callable[[], str]:
    """Gives the id, which is made when it is first asked for; the database has its schema by then."""

    @cache
    def read() -> str:
        database = Database(database_url)
        try:
            with database.write() as connection:
                insert_new(connection, installation, number=_ONLY, id=uuid4().hex)
                found: str = connection.execute(select(installation.c.id)).scalar_one()
                return found
        finally:
            database.close()

    return read
