"""Keys that issuers of tokens publish."""
