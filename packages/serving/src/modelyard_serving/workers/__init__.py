"""The processes of one model server: a supervisor that owns the listening socket, and workers that hold the model."""
