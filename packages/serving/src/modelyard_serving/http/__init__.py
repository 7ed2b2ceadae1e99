"""The data plane over HTTP/1.1: requests in, responses out. Parsing is by httptools."""
