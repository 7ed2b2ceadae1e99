"""The conformance suite of the Open Inference Protocol: its rules as named checks, run against any server from outside.

It knows nothing of our own server: it sends HTTP and gRPC to an address, discovers the model and its metadata, makes
valid and invalid requests from that, and checks each rule. The command is `modelyard-conformance`.
"""
