"""Webhooks: every change of a life cycle told to whom a tenant names, signed, at least once."""
