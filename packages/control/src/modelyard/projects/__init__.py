"""Projects: folders that are sent as one archive to be trained, and kept by its digest: none is sent twice."""
