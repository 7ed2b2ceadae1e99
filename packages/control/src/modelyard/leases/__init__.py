"""Work that one process at a time may do: who holds it, until when, and why one that wakes up late cannot write."""
