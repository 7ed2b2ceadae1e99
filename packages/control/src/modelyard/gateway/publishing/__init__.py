"""Publishing: compiles what the gateway routes by, keeps each configuration, and knows which node runs which."""
