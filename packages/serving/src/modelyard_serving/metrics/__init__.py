"""Metrics of the server: cells in shared memory of all workers, written without a lock, read at `/metrics`."""
