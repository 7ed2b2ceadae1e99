"""The append-only, hash-chained log of every change of a life cycle: who, when, why, before, after."""
