"""The one way to an answer of the registry: what its routes and their fast path say of models and versions.

`service.py` has each question once, `statements.py` the rows that it reads, `routes.py` the addresses and their
permission, `fast_path.py` the shortcut to the same questions. docs/architecture/10-registry-reads.md explains it.
"""
