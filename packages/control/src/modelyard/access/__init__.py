"""Who calls, and what they may do: tenants, tokens, roles, permissions. Denied is the default."""
