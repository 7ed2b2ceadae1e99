"""`make bench`: the serving benchmark. `python -m benchmarks.run --help` tells how to choose."""

import sys

from benchmarks.serving.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
