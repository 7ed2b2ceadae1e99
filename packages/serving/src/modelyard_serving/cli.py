"""The command `modelyard-serve`."""
