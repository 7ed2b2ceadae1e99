"""Model servers as container groups of Azure Container Instances: one for each replica, one address for all."""

from modelyard.adapters.target.aci.target import AciTarget

__all__ = ["AciTarget"]
