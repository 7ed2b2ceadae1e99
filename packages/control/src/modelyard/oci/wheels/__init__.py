"""Wheels as layers: which wheel of a lock a base can run, and what installing it puts where. No wheel's code runs."""
