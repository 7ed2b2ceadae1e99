"""The protocol's gRPC messages: our own `.proto` file and what `make proto` generates from it.

The messages live in a descriptor pool of their own, so that a process may import `tritonclient` or `kserve`, which
define the same names, beside them. No transport is imported here.
"""
