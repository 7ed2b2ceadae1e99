"""`predict_file` against a model server, in a process whose processor time is measured.

    python -m benchmarks.batch.asked URL FOLDER

Prints the seconds of processor time and of the clock, as JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

from modelyard_client import FramePredictor
from modelyard_client.batch.run import predict_file


def main(url: str, folder: Path) -> None:
    """Predict the file once."""
    with FramePredictor(url, model="breast-cancer", version=1) as model:
        _ = model.schema
        wall, begun = time.perf_counter(), time.process_time()
        done = predict_file(model, folder / "rows.parquet", folder / "asked.parquet", restart=True)
    figures = {
        "rows": done.rows,
        "seconds": time.process_time() - begun,
        "wall": time.perf_counter() - wall,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
