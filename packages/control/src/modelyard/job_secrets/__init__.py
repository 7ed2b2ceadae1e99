"""Secrets that a job hands to its run: encrypted while the job waits and works, and gone when it has ended."""
