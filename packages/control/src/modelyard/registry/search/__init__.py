"""Finds models and versions by their stage, tags, metrics and words, page by page."""
