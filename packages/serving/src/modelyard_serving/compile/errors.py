"""What keeps a model from being compiled."""


class Untranslatable(Exception):
    """There is no graph for this model; the message says why, in one sentence."""
