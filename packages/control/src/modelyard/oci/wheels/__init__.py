"""Wheels as layers: which wheel of a lock a base can run, and the files that it installs. No wheel's code runs."""
