"""Statistics of roll-outs: tests and intervals that hold however often one looks, and drift. Pure, without NumPy."""
