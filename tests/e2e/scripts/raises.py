"""Fails as scripts do: an exception out of a function, after some output."""

print("reading the data", flush=True)


def read() -> None:
    """Read what is not there."""
    raise FileNotFoundError("there is no customers.csv")


read()
