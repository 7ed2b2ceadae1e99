"""Envoy as a supervised program of one home: its process, its resources as files, its admin interface.

What it listens to and where it sends requests is its user's: `adapters/balancer` writes listeners and clusters of model
servers. It knows no noun.
"""
