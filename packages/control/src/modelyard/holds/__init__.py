"""Retention holds: as long as one lies on a version, nobody deletes it."""
