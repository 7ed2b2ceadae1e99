"""The gateway: stable addresses of models, versioned APIs, releases, keys and limits, compiled to one route table."""
