"""What an image is made of and where it comes from, attached to it as artifacts that refer to it."""

from modelyard.oci.supply_chain.provenance import Origin, provenance_statement
from modelyard.oci.supply_chain.referrers import attach, remove_orphans
from modelyard.oci.supply_chain.sbom import inventory

__all__ = ["Origin", "attach", "inventory", "provenance_statement", "remove_orphans"]
