"""Webhooks: every state transition is sent to the receivers that a tenant registers, signed, at least once."""
