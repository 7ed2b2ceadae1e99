"""Versions that serve: what shall run, what does run, and the reconciler that brings the second to the first."""
