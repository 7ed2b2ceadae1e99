"""The Python client of Modelyard and the command `modelyard`; it speaks HTTP and knows nothing of the server's code."""

__version__ = "0.1.0"
