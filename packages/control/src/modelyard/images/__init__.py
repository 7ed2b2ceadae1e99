"""OCI images of versions: built here, named in a repository, pushed to its registry, deployed, and deleted."""
