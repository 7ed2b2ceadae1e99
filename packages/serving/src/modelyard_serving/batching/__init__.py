"""Requests that wait for the same model, computed together. A batch is what waits when the model gets free: nobody
waits for a batch to fill."""
