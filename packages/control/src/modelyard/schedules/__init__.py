"""Schedules: versions are retrained at planned times, after events, and when new data is announced."""
