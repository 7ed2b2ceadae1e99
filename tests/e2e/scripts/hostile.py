"""Trains an honest model, and tries with its own token and its own eyes what is none of its business.

It prints what came of each try as one line of JSON, after `HOSTILE `.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

API = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow"


def asked(path: str, body: dict[str, object], *, token: str | None) -> int:
    """The status of a call to the tracker."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{API}/{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def opened(path: Path) -> str:
    """What comes of reading a file."""
    try:
        path.read_bytes()
    except OSError:
        return "refused"
    return "read"


home, run_id = Path(sys.argv[1]), sys.argv[2]
token = os.environ["MLFLOW_TRACKING_TOKEN"]
better = {"run_id": run_id, "key": "accuracy", "value": 1.0, "timestamp": 1, "step": 9}
tried = {
    "files": sorted({opened(home / name) for name in ("token", "tracking.key", "webhook.key", "modelyard.db")}),
    "another run": asked("runs/log-metric", better, token=token),
    "nobody": asked("runs/log-metric", better, token=None),
    "another model": asked("registered-models/create", {"name": "not-mine"}, token=token),
}
print("HOSTILE", json.dumps(tried))
data = load_iris(as_frame=True)
frame = pd.DataFrame(data.data)
with mlflow.start_run():
    model = LogisticRegression(max_iter=500).fit(frame, data.target)
    mlflow.log_metric("accuracy", model.score(frame, data.target))
    mlflow.sklearn.log_model(model, name="model", input_example=frame.head(2))
