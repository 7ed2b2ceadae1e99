"""`python -m modelyard_serving` is `modelyard-serve`."""

from modelyard_serving.cli import main

main()
