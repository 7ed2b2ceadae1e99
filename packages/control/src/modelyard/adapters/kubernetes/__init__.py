"""The connection to a Kubernetes cluster, for every adapter that uses one."""
