"""Where a version comes from and where it went; and from a run, a job, a script or a deployment back to versions."""
