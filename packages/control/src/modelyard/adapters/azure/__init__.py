"""What adapters of Azure's services have in common: who we are there, and what its errors mean to us."""

from modelyard.adapters.azure.identity import Credential, managed_credential, said_by

__all__ = ["Credential", "managed_credential", "said_by"]
