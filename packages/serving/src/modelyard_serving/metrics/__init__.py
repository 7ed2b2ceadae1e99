"""What the server counts: cells of memory that all workers share, written without a lock, read at `/metrics`."""
