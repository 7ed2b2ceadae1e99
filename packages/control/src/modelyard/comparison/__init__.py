"""Versions of one model side by side: what differs, which to take and why, as data and as a picture."""
