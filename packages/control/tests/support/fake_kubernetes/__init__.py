"""An API server for tests: objects, schemas and merge rules of Kubernetes 1.37, and controllers that play its parts.

It knows the kinds that model servers need. Its schemas, and so the keys by which lists are merged, are those of
`kubernetes-validate`; the real `kubectl` is pointed at it in `test_fake_kubernetes.py`.
"""
