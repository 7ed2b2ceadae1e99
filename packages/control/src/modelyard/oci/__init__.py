"""OCI images without a daemon, root or a Dockerfile: built from a base, wheels and a bundle, kept in a layout on disk,
written as archives, sent to registries and fetched from them. It knows no job, no route and no row.

`layout` keeps, `base` and `wheels` provide, `images` builds, `supply_chain` describes, `export` and `registry` send.
"""
