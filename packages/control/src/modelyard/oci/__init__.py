"""OCI images without a daemon, root or a Dockerfile: built from a base, wheels and a bundle, kept in a layout on disk,
written as archives, pushed to registries and pulled from them. It depends on no job, route or database table; the noun
`images` uses it.

`layout` stores images, `base` and `wheels` provide their parts, `images` builds them, `supply_chain` describes them,
`export` writes archives, and `registry` pushes and pulls.
"""
