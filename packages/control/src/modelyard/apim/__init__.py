"""Azure API Management as a data plane: what the gateway's objects are there, what differs, and pushing it."""
