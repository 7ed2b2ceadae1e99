"""What follows a registration or an edit where a test has no rule for it: nothing."""

from sqlalchemy import Connection

from modelyard.registry.domain import Version


def follow_nothing(_: Connection, version: Version) -> Version:
    """The version as it is."""
    return version
