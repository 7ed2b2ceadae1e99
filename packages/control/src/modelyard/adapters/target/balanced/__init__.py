"""What targets have in common whose replicas each have an address of their own: one address for all, steps, records.

A `ReplicaPlatform` makes, stops and lists replicas; `BalancedTarget` decides which shall be, and who gets requests.
"""

from modelyard.adapters.target.balanced.platform import Phase, Replica, ReplicaPlatform
from modelyard.adapters.target.balanced.target import BalancedTarget, require_balancer

__all__ = ["BalancedTarget", "Phase", "Replica", "ReplicaPlatform", "require_balancer"]
