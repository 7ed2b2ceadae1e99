"""Asking a deployed model: rows in whatever form the caller has them to the JSON of `/predict`, and the answer back."""
