"""Models that are uploaded rather than logged: bytes that come in pieces, then a job that makes them a version."""
