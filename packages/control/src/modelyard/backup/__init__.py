"""One file that holds what cannot be made again, taken while everything runs, and put back into an empty place."""
