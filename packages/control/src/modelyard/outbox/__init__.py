"""Messages to other systems, written in the transaction that makes them true and delivered after it, at least once."""
