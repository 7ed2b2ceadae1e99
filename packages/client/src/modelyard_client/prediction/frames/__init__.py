"""Predictions of DataFrames: columns as binary tensors of the Open Inference Protocol, results as Series and frames.

It needs pandas, which is an extra of the client.
"""

from importlib.util import find_spec

if find_spec("pandas") is None:
    raise ImportError("DataFrames need an extra: pip install 'modelyard-client[frames]'")
