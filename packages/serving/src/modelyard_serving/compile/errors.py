"""The error of a model that cannot be compiled."""


class Untranslatable(Exception):
    """There is no graph for this model; the message says why, in one sentence."""
