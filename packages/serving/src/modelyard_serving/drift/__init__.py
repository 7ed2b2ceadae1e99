"""Profiles of training data, and counters of what a server gets and answers in a profile's bins. Whoever compares both
sees drift; nothing here judges."""
