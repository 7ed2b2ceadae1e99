"""Who may call which API of the gateway, with which key or token, and how often."""
