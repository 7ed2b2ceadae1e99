"""The floors: servers that do nothing but carry the same bytes."""

from benchmarks.serving.cases import Case
from benchmarks.serving.dialects import Floor, floor_answer
from benchmarks.serving.peers.peer import APPS, OURS, Peer, Place, Start
from benchmarks.serving.workloads import Form


def _granian(place: Place) -> Start:
    command = [
        str(OURS.folder / "bin" / "granian"),
        "--interface",
        "rsgi",
        "granian_app:app",
        "--working-dir",
        str(APPS),
    ]
    options = ["--host", "127.0.0.1", "--port", str(place.http_port), "--workers", "1", "--loop", "uvloop"]
    return Start([*command, *options, "--no-access-log", "--log-level", "warning"], _answers(place))


def _httptools(place: Place) -> Start:
    return Start([str(OURS.python), str(APPS / "httptools_app.py"), str(place.http_port)], _answers(place))


def _answers(place: Place) -> dict[str, str]:
    folder = place.scratch / "answers"
    folder.mkdir()
    for form in (Form.JSON, Form.BINARY):
        for rows in (1, 1000):
            (folder / f"{form}-{rows}").write_bytes(floor_answer(place.case, form, rows))
    return {"MODELYARD_BENCH_ANSWERS": str(folder), "PYTHONPATH": str(APPS)}


def _is_plain(case: Case) -> bool:
    return not isinstance(case.answers[0], list)


GRANIAN = Peer(
    name="granian-echo",
    title="floor: Granian",
    environment=OURS,
    dialect=Floor(),
    start=_granian,
    settings="RSGI, one worker: reads the body, answers bytes that it holds ready",
    serves=_is_plain,
)
HTTPTOOLS = Peer(
    name="httptools-echo",
    title="floor: httptools on uvloop",
    environment=OURS,
    dialect=Floor(),
    start=_httptools,
    settings="an `asyncio.Protocol` of thirty lines, with no limits: reads the body, answers bytes that it holds ready",
    serves=_is_plain,
)
