"""Durable jobs: what was asked for, where it stands, its log, its end. What a job does is its kind's own workflow."""
