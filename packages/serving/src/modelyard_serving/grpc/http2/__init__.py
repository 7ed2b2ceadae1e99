"""As much of HTTP/2 (RFC 9113) as a gRPC server needs: no push, no priorities, no upgrade. It knows nothing of gRPC."""
