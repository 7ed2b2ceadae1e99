"""Registries by the OCI distribution specification 1.1: images are sent to them, bases fetched, manifests deleted."""
