"""The processes of one model server: a supervisor that owns the listening sockets, and workers that hold the model."""
