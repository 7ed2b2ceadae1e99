"""Drift: what deployments get and answer, against the training data of their versions and against other versions."""
