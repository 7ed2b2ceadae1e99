"""Outcomes: what really happened after an answer, joined to it by request id, so that two versions can be compared."""
