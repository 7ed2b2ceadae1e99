"""The log of requests: what was sampled is in whole files, and what cannot be kept is dropped and counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from modelyard_serving.observers import Observation
from modelyard_serving.observers.request_log import RequestLog
from modelyard_serving.runtimes.base import Tensors


def observation(
    inputs: Tensors | None, outputs: Tensors | None = None, *, outcome: str = "ok", identity: str | None = None
) -> Observation:
    carrier = {} if identity is None else {"x-request-id": identity}
    return Observation(verb="/infer", carrier=carrier, outcome=outcome, total_s=0.5, inputs=inputs, outputs=outputs)


class Drops:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def log(folder: Path, **options: Any) -> RequestLog:
    settings: dict[str, Any] = {"sample": 1.0, "drop": Drops(), **options}
    return RequestLog(folder, model="m", version="3", **settings)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


class TestRequestLog:
    def test_an_answered_request_is_a_row_with_its_tensors(self, tmp_path: Path) -> None:
        kept = log(tmp_path)
        inputs = {"x": np.array([[1.0, 2.0]]), "s": np.array(["a", None, b"\xff"], dtype=object)}
        kept.observe(observation(inputs, {"y": np.array([7])}, identity="id-1"))
        kept.close()
        (row,) = rows(tmp_path)
        assert row.pop("at").tzinfo is not None
        assert row == {
            "request_id": "id-1",
            "model": "m",
            "version": "3",
            "duration_s": 0.5,
            "input.x": [1.0, 2.0],
            "input.x.shape": [1, 2],
            "input.s": ["a", None, "\\xff"],
            "input.s.shape": [3],
            "output.y": [7],
            "output.y.shape": [1],
        }

    def test_a_request_without_an_answer_is_not_logged(self, tmp_path: Path) -> None:
        kept = log(tmp_path)
        kept.observe(observation(None, outcome="invalid"))
        kept.close()
        assert rows(tmp_path) == []

    def test_only_the_sampled_part_is_logged(self, tmp_path: Path) -> None:
        dice = iter([0.1, 0.9, 0.49, 0.5])
        kept = log(tmp_path, sample=0.5, random_source=lambda: next(dice))
        for number in range(4):
            kept.observe(observation({"x": np.array([number])}, {"y": np.array([number])}))
        kept.close()
        assert [row["input.x"] for row in rows(tmp_path)] == [[0], [2]]

    def test_files_are_of_a_limited_length_and_appear_whole(self, tmp_path: Path) -> None:
        kept = log(tmp_path, rows_per_file=2)
        for number in range(5):
            kept.observe(observation({"x": np.array([number])}, {"y": np.array([number])}))
        kept.close()
        assert len(list(tmp_path.glob("*.parquet"))) == 3
        assert sorted(row["input.x"] for row in rows(tmp_path)) == [[0], [1], [2], [3], [4]]
        assert list(tmp_path.glob(".*")) == []

    def test_what_there_is_no_room_for_is_dropped_and_counted(self, tmp_path: Path) -> None:
        drops = Drops()
        kept = log(tmp_path, drop=drops, max_bytes=1000)
        kept.observe(observation({"x": np.zeros(1000)}, {"y": np.zeros(1)}))
        kept.observe(observation({"x": np.zeros(1)}, {"y": np.zeros(1)}))
        kept.close()
        assert drops.count == 1
        assert len(rows(tmp_path)) == 1

    def test_a_file_that_cannot_be_written_is_counted_and_stops_nothing(self, tmp_path: Path) -> None:
        drops = Drops()
        kept = log(tmp_path, drop=drops, rows_per_file=1)
        mixed: dict[str, Any] = {"x": np.array([1, "a"], dtype=object)}
        kept.observe(observation(mixed, {"y": np.zeros(1)}))
        while kept._lost_entries == 0:
            kept._writer.join(0.01)
        kept.observe(observation({"x": np.zeros(1)}, {"y": np.zeros(1)}))
        kept.close()
        assert drops.count == 1
        assert len(rows(tmp_path)) == 1
