"""Model servers on Kubernetes: a Deployment and a Service for each deployment, applied from here and asked here.

The modules `workload`, `companions`, `applied`, `pods` and `observation` are pure: they make objects from a spec, and
read objects that the cluster has. `cluster_api` speaks to its API server, and `target` puts the two together.
"""
