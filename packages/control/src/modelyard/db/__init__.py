"""Our tables' database: connections and transactions on SQLite or PostgreSQL, and the schema's migrations."""

from modelyard.db.database import Database

__all__ = ["Database"]
