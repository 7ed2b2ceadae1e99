"""The model in its own process, as one would write it by hand: read a batch, predict, write; no server, no request.

The model's own speed is that of this: the same file read by pyarrow, predicted in the chunks that suit it best, and the
same rows written as Parquet with the same settings.

    python -m benchmarks.batch.own FOLDER sklearn|pyfunc

Prints, as JSON, the seconds of processor time of the whole and of `predict` alone.
"""

import json
import sys
import time
from pathlib import Path

import mlflow
import pyarrow as pa
import pyarrow.parquet

BATCH = 1 << 16


def main(folder: Path, flavor: str) -> None:
    """Predict the file once."""
    model = getattr(mlflow, flavor).load_model(str(folder / "mlflow"))
    file = pa.parquet.ParquetFile(folder / "rows.parquet", memory_map=True)
    names = [name for name in file.schema_arrow.names if name != "patient"]
    schema = pa.schema({"patient": pa.int64(), "predictions": pa.int64()})
    model.predict(file.read_row_group(0).slice(0, 10).to_pandas()[names])
    predicting, wall, begun = 0.0, time.perf_counter(), time.process_time()
    with pa.parquet.ParquetWriter(folder / "own.parquet", schema, use_dictionary=False) as sink:
        for batch in file.iter_batches(batch_size=BATCH):
            frame = batch.select(names).to_pandas()
            before = time.process_time()
            found = model.predict(frame)
            predicting += time.process_time() - before
            sink.write_batch(pa.RecordBatch.from_arrays([batch.column("patient"), pa.array(found)], schema=schema))
    seconds = time.process_time() - begun
    print(json.dumps({"seconds": seconds, "predicting": predicting, "wall": time.perf_counter() - wall}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
