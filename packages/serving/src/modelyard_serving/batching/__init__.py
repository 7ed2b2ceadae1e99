"""Dynamic batching: requests that wait for the same model are computed in one call. A batch holds what is queued when
the model becomes free; no request waits for a batch to fill."""
