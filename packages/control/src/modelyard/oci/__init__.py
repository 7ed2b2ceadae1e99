"""OCI images without a daemon, root or a Dockerfile: built from a base, wheels and a bundle, kept in a layout on disk,
written as archives, pushed to registries and pulled from them. It depends on no job, route or database table, and no
service of the control plane uses it yet: jobs and routes that build and push images are not written.

`layout` stores images, `base` and `wheels` provide their parts, `images` builds them, `supply_chain` describes them,
`export` writes archives, and `registry` pushes and pulls.
"""
