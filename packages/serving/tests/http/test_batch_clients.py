"""Files predicted into files by modelyard-client against real servers: each row once, in order, whatever is killed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from modelyard_client import Conflict, FramePredictor, Invalid
from modelyard_client.batch.kubernetes_job import JobPlan, job_of
from modelyard_client.batch.run import predict_file
from modelyard_client.batch.shares import Share

StartServer = Callable[..., Any]
ROWS = 1000
TABLE = pa.table(
    {
        "customer": [f"c-{number}" for number in range(ROWS)],
        "town": pa.array([None if number % 7 == 0 else "Köln" for number in range(ROWS)], pa.string()),
        "count": pa.array([None if number % 3 == 0 else number for number in range(ROWS)], pa.int64()),
        "amount": np.arange(ROWS) / 4,
        "share": np.full(ROWS, 0.5, dtype=np.float32),
        "is_new": np.arange(ROWS) % 2 == 0,
    }
)


@pytest.fixture(scope="module")
def customers(start_servers: StartServer) -> str:
    return str(start_servers("Customers").url)


@pytest.fixture
def model(customers: str) -> Iterator[FramePredictor]:
    with FramePredictor(customers, model="Customers", version=1) as opened:
        yield opened


def write(table: pa.Table, place: Path) -> Path:
    if place.suffix == ".parquet":
        pa.parquet.write_table(table, place, row_group_size=300)
    elif place.suffix == ".csv":
        pa.csv.write_csv(table, place)
    else:
        with pa.ipc.new_file(place, table.schema) as sink:
            sink.write_table(table, max_chunksize=70)
    return place


def read(place: Path) -> pa.Table:
    if place.suffix == ".parquet":
        return pa.parquet.read_table(place)
    if place.suffix == ".csv":
        options = pa.csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
        return pa.csv.read_csv(place, convert_options=options)
    with pa.memory_map(str(place)) as mapped:
        return pa.ipc.open_file(mapped).read_all()


class TestPredictFile:
    @pytest.mark.parametrize(
        ("source", "output"), [("rows.parquet", "out.csv"), ("rows.csv", "out.arrow"), ("rows.arrow", "out.parquet")]
    )
    def test_every_row_is_there_once_and_in_order_in_every_form(
        self, model: FramePredictor, tmp_path: Path, source: str, output: str
    ) -> None:
        seen: list[int] = []

        done = predict_file(
            model,
            write(TABLE, tmp_path / source),
            tmp_path / output,
            in_flight=3,
            rows_of_part=64,
            progress=lambda rows, _: seen.append(rows),
        )

        found = read(tmp_path / output)
        assert found.column_names == ["customer", "amount", "share", "has_count", "is_new", "town"]
        for name in ("customer", "amount", "is_new", "town"):
            assert found[name].to_pylist() == TABLE[name].to_pylist(), name
        assert found["has_count"].to_pylist() == [value is not None for value in TABLE["count"].to_pylist()]
        assert (done.rows, done.resumed_rows, seen[-1], done.version) == (ROWS, 0, ROWS, "1")
        assert seen == sorted(seen)
        assert {place.name for place in tmp_path.iterdir()} == {source, output}

    def test_columns_are_kept_by_name(self, model: FramePredictor, tmp_path: Path) -> None:
        source = write(TABLE.append_column("label", pa.array([1] * ROWS)), tmp_path / "rows.parquet")

        predict_file(model, source, tmp_path / "out.parquet", columns=["label"], outputs=["share"])

        assert read(tmp_path / "out.parquet").column_names == ["label", "share"]
        with pytest.raises(Invalid, match="there is no column 'id': expected 'customer'"):
            predict_file(model, source, tmp_path / "out.parquet", columns=["id"])
        with pytest.raises(Invalid, match="column 'amount' is one of the file and an output"):
            predict_file(model, source, tmp_path / "other.parquet", columns=["amount"])

    def test_rows_that_are_refused_are_named_by_their_numbers_in_the_file(
        self, model: FramePredictor, tmp_path: Path
    ) -> None:
        spoilt = TABLE["is_new"].to_pylist()
        spoilt[700] = None
        table = TABLE.set_column(5, "is_new", pa.array(spoilt, pa.bool_()))
        source = write(table, tmp_path / "rows.parquet")

        with pytest.raises(Invalid, match=r"rows 640 to 703 of the file: .*is_new"):
            predict_file(model, source, tmp_path / "out.parquet", rows_of_part=64)
        assert not (tmp_path / "out.parquet").exists()

    def test_a_source_that_changed_is_not_gone_on_with(self, model: FramePredictor, tmp_path: Path) -> None:
        spoilt = TABLE["is_new"].to_pylist()
        spoilt[700] = None
        source = write(TABLE.set_column(5, "is_new", pa.array(spoilt, pa.bool_())), tmp_path / "rows.parquet")
        with pytest.raises(Invalid):
            predict_file(model, source, tmp_path / "out.parquet", rows_of_part=64)
        write(TABLE, source)

        with pytest.raises(Conflict, match=r"another source bytes|another source modified ns"):
            predict_file(model, source, tmp_path / "out.parquet", rows_of_part=64)

        assert predict_file(model, source, tmp_path / "out.parquet", rows_of_part=64, restart=True).rows == ROWS

    def test_a_file_without_rows_is_refused(self, model: FramePredictor, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="has no rows"):
            predict_file(model, write(TABLE.slice(0, 0), tmp_path / "rows.parquet"), tmp_path / "out.parquet")


class TestShares:
    @pytest.mark.parametrize(("source", "output"), [("rows.parquet", "out.parquet"), ("rows.arrow", "out.arrow")])
    def test_all_shares_together_have_each_row_once(
        self, model: FramePredictor, tmp_path: Path, source: str, output: str
    ) -> None:
        file, place = write(TABLE, tmp_path / source), tmp_path / output

        done = [predict_file(model, file, place, rows_of_part=64, share=Share(index, 3)) for index in range(3)]

        assert [one.rows for one in done] == [333, 333, 334]
        found = pa.concat_tables(read(one.output) for one in done)
        for name in ("customer", "amount"):
            assert found[name].to_pylist() == TABLE[name].to_pylist(), name
        names = {f"{place.stem}-{index:05d}-of-00003{place.suffix}" for index in range(3)}
        assert {one.name for one in tmp_path.iterdir()} == {source, *names}

    def test_a_share_that_is_whole_stays_and_one_of_another_source_is_refused(
        self, model: FramePredictor, tmp_path: Path
    ) -> None:
        source, share = write(TABLE, tmp_path / "rows.parquet"), Share(1, 2)
        first = predict_file(model, source, tmp_path / "out.parquet", share=share)
        before = first.output.stat()

        again = predict_file(model, source, tmp_path / "out.parquet", share=share)

        assert (again.rows, again.resumed_rows) == (500, 500)
        assert (first.output.stat().st_mtime_ns, first.output.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
        assert not (tmp_path / "out-00001-of-00002.parquet.parts").exists()
        write(TABLE.slice(0, 900), source)
        with pytest.raises(Conflict, match="made of something else"):
            predict_file(model, source, tmp_path / "out.parquet", share=share)
        assert predict_file(model, source, tmp_path / "out.parquet", share=share, restart=True).rows == 450

    def test_a_pod_of_a_job_predicts_its_rows_as_its_command_says(self, customers: str, tmp_path: Path) -> None:
        source = write(TABLE, tmp_path / "rows.parquet")
        modelyard = str(Path(sys.executable).with_name("modelyard"))
        job = job_of(
            JobPlan(
                (modelyard, "predict", customers, str(source), "--output", str(tmp_path / "out.parquet")),
                name="predict",
                namespace=None,
                image="client:1",
                claim="rows",
                folder=str(tmp_path),
                shares=2,
                parallel=2,
                memory_mb=512,
                cpus=1.0,
                retries=1,
                seconds=None,
                key_secret=None,
            )
        )
        container = job["spec"]["template"]["spec"]["containers"][0]

        words = [word.replace("$(JOB_COMPLETION_INDEX)", "1") for word in container["command"]]  # As a kubelet does it.
        subprocess.run(words, check=True, capture_output=True)

        found = read(tmp_path / "out-00001-of-00002.parquet")
        assert found["customer"].to_pylist() == TABLE["customer"].to_pylist()[ROWS // 2 :]

    @pytest.mark.parametrize(
        ("source", "output", "reason"),
        [
            ("rows.csv", "out.parquet", "says how many rows"),
            ("rows.parquet", "out.csv", "Parquet or Arrow"),
            ("few.parquet", "out.parquet", "fewer rows than shares: 1"),
        ],
    )
    def test_what_has_no_shares_is_refused(
        self, model: FramePredictor, tmp_path: Path, source: str, output: str, reason: str
    ) -> None:
        table = TABLE.slice(0, 1) if source.startswith("few") else TABLE

        with pytest.raises(Invalid, match=reason):
            predict_file(model, write(table, tmp_path / source), tmp_path / output, share=Share(0, 2))


class TestMemory:
    PROGRAM = textwrap.dedent("""
        import resource
        import sys
        from pathlib import Path
        from modelyard_client import FramePredictor
        from modelyard_client.batch.run import predict_file
        with FramePredictor(sys.argv[1], model="Customers", version=1) as model:
            for source in map(Path, sys.argv[3:]):
                predict_file(model, source, source.with_name("out.parquet"), in_flight=2, rows_of_part=1 << 10)
                status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
                allowed = int(status["VmData"].split()[0]) * 1024 + int(sys.argv[2])
                resource.setrlimit(resource.RLIMIT_DATA, (allowed, resource.RLIM_INFINITY))
    """)
    """The first file is predicted so that all libraries are loaded, the others with so many bytes more."""

    def test_a_file_that_is_larger_than_the_memory_allowed_is_predicted(self, customers: str, tmp_path: Path) -> None:
        repeated = TABLE.append_column("story", pa.array([f"{number:0>4000}" for number in range(ROWS)]))
        large, allowed = pa.concat_tables([repeated] * 60), 128 << 20
        few, rows = write(repeated, tmp_path / "few.parquet"), tmp_path / "rows.parquet"
        pa.parquet.write_table(large, rows, row_group_size=1 << 10, use_dictionary=False, compression="none")
        assert rows.stat().st_size > 1.4 * allowed

        command = [sys.executable, "-c", self.PROGRAM, customers, str(allowed), str(few), str(rows)]
        environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # Others reserve memory beforehand.
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)

        assert done.returncode == 0, done.stderr
        assert pa.parquet.read_metadata(tmp_path / "out.parquet").num_rows == large.num_rows


class TestKill:
    PROGRAM = textwrap.dedent("""
        import sys
        from pathlib import Path
        from modelyard_client import FramePredictor
        from modelyard_client.batch.run import predict_file
        with FramePredictor(sys.argv[1], model="Sleeper", version=1) as model:
            predict_file(model, Path(sys.argv[2]), Path(sys.argv[3]), in_flight=2, rows_of_part=8)
    """)

    @pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
    def test_a_process_that_is_killed_is_gone_on_with_after_its_last_whole_part(
        self, start_servers: StartServer, tmp_path: Path, name: str
    ) -> None:
        url = str(start_servers("Sleeper").url)
        table = pa.table({"id": range(300), "seconds": np.linspace(0.01, 0.02, 300)})
        source, output = write(table, tmp_path / name), tmp_path / "out.parquet"
        process = subprocess.Popen([sys.executable, "-c", self.PROGRAM, url, source, output])
        whole = tmp_path / "out.parquet.parts"
        until = time.monotonic() + 30
        while not list(whole.glob("part-000003-*")) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not output.exists()

        with FramePredictor(url, model="Sleeper", version=1) as model:
            done = predict_file(model, source, output, rows_of_part=8)

        assert done.rows == 300
        assert done.resumed_rows >= 32
        found = read(output).to_pydict()
        assert list(map(int, found["id"])) == list(range(300))  # What is only kept of CSV stays text.
        assert found["slept"] == table["seconds"].to_pylist()
        assert not whole.exists()
