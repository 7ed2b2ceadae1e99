"""The limit of a tensor's dimensions. It is checked before anything is computed from a shape: a product of a hundred
thousand dimensions takes minutes, and NumPy has no array of more than 64."""

from modelyard_serving.errors import InvalidInput

MAX_DIMENSIONS = 32


def check_rank(dimensions: int, name: str) -> None:
    """Raises InvalidInput for more dimensions than any model's tensor has."""
    if dimensions > MAX_DIMENSIONS:
        raise InvalidInput(f"input {name!r}: expected at most {MAX_DIMENSIONS} dimensions, got more")
