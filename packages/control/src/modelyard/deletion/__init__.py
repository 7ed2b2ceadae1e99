"""Deleting versions and models: a plan first, then a durable job, tombstones, restoring, and the purge in the end."""
