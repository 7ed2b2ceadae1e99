"""Schedules predictions: on the event loop when they are short, else in a thread behind a bounded queue."""
