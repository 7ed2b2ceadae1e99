"""How the names of images in our layout begin that can be fetched or made again. No image of a version has such a name,
since those begin with a host."""

COPIED_BASES = "base/copied/"
"""Bases that came from a registry or from another layout."""
RUN_IMAGES = "run/"
"""Images of runs."""
CACHED = (COPIED_BASES, RUN_IMAGES)
