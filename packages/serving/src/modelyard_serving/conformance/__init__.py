"""The conformance suite of the Open Inference Protocol: its rules as named checks, run against any server from outside.

It knows nothing of our own server: it speaks HTTP and gRPC to an address, finds the model and what it declares, makes
requests from that, good and bad, and says for each rule whether it holds. The command is `modelyard-conformance`.
"""
