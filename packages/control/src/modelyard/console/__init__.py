"""The console: pages over the management API, whose client it is, in the same process. It knows nothing else."""
