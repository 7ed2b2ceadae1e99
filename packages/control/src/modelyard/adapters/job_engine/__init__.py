"""Engines of durable jobs."""
