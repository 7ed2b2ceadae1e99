"""The data plane over HTTP: requests in, responses out; the server under it is Granian."""
