"""Tests of the whole platform as real processes; a package, so that their stack ends with them."""
