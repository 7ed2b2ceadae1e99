"""What the tests of runners share: the cluster that the environment names."""

from kubernetes_clusters import real_kubeconfig

__all__ = ["real_kubeconfig"]
