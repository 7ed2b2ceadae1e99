"""The payloads of `/predict` and `/invocations`: columns, records, rows, CSV, Arrow and Parquet in; JSON out.

Between bytes and tensors there is one step more than in the protocol: a payload is first a `Columns` or an `Array`
(`payload`), and only `columns` and `arrays` know what a signature allows. All forms share their errors so.
"""

from modelyard_serving.frames.decode import TABLES, PredictRequest, decode_predict, media_type
from modelyard_serving.frames.encode import encode_predictions

__all__ = ["TABLES", "PredictRequest", "decode_predict", "encode_predictions", "media_type"]
