"""Batch prediction: files larger than memory, resumed after a kill, each row predicted into the output exactly once.

It needs the extra `frames`.
"""

from importlib.util import find_spec

if find_spec("pyarrow") is None or find_spec("pandas") is None:
    raise ImportError("batch prediction needs an extra: pip install 'modelyard-client[frames]'")
