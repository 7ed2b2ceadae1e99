"""Who may do what at the tracking server: people by their tokens, a run by a token of its own, the platform by its key.

MLflow knows no users, so what it is asked is decided here, before it reads a request. Everything that no rule allows is
refused (docs/decisions/0411-the-tracker-asks-who-is-there.md).
"""
