"""Servers that are lost are started anew, once, with real processes."""

import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from benchmarks.serving.asking import ask, is_right
from benchmarks.serving.cases import Case
from benchmarks.serving.dialects import PlainJson
from benchmarks.serving.environments import Environment
from benchmarks.serving.fleet import Fleet, Harbour
from benchmarks.serving.peers.peer import Peer, Place, Start, predictions
from benchmarks.serving.ports import Ports
from benchmarks.serving.results import Writer
from benchmarks.serving.server import Server
from benchmarks.serving.workloads import Form

PROGRAM = """
import http.server, pathlib, sys
port, marker, lives = int(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
marker.write_text(marker.read_text() + "I" if marker.exists() else "I")
if len(marker.read_text()) < lives:
    sys.exit("I had no luck")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"predictions": [2.0]}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


class Harness:
    """A fleet of one kind of server, which answers from its n-th start on."""

    def __init__(self, folder: Path) -> None:
        self.written = io.StringIO()
        self._folder = folder
        case = Case("tiny", folder, [[1.0]], "FP64", [2.0])
        self.fleet = Fleet(case, Harbour(folder, Ports(), Writer(self.written), None))

    def start(self, *, answers_from_start: int, survives_a_stop: bool = True) -> None:
        def command(place: Place) -> Start:
            marker = str(self._folder / "starts")
            return Start([sys.executable, "-c", PROGRAM, str(place.http_port), marker, str(answers_from_start)])

        environment = Environment("none")
        dialect = PlainJson("/predict", predictions)
        peer = Peer(
            name="tiny",
            title="Tiny",
            environment=environment,
            dialect=dialect,
            start=command,
            settings="none",
            survives_a_stop=survives_a_stop,
        )
        self.fleet.start(peer)

    def kinds(self) -> list[str]:
        return [json.loads(line)["kind"] for line in self.written.getvalue().splitlines()]

    def answers(self) -> bool:
        server: Server = self.fleet["tiny"]
        request = server.peer.dialect.request(server.case, Form.JSON, 1)
        assert request is not None
        with server.awake():
            return is_right(ask(server.place, Form.JSON, request).values, server.case, 1)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    made = Harness(tmp_path)
    yield made
    made.fleet.stop()


class TestFleet:
    def test_a_server_that_does_not_start_is_tried_once_more(self, harness: Harness) -> None:
        harness.start(answers_from_start=2)
        assert harness.kinds() == ["repeated", "started"]
        assert harness.answers()

    def test_one_that_fails_twice_is_left_out_and_its_last_words_are_kept(self, harness: Harness) -> None:
        harness.start(answers_from_start=3)
        assert harness.kinds() == ["repeated", "failure"]
        assert "I had no luck" in harness.written.getvalue()
        assert harness.fleet.names == []

    def test_one_that_is_lost_is_replaced_by_a_new_process(self, harness: Harness) -> None:
        harness.start(answers_from_start=1)
        lost = harness.fleet["tiny"]
        lost.stop()
        harness.fleet.start_again("tiny")
        assert harness.fleet["tiny"] is not lost
        assert harness.answers()

    def test_it_is_stopped_in_its_tracks_until_it_is_asked(self, harness: Harness) -> None:
        harness.start(answers_from_start=1)
        process = psutil.Process(harness.fleet["tiny"].pid)
        until = time.monotonic() + 10
        while process.status() != psutil.STATUS_STOPPED and time.monotonic() < until:
            time.sleep(0.01)
        assert process.status() == psutil.STATUS_STOPPED
        assert harness.answers()

    def test_one_that_does_not_survive_a_stop_is_left_awake(self, harness: Harness) -> None:
        harness.start(answers_from_start=1, survives_a_stop=False)
        server = harness.fleet["tiny"]
        request = server.peer.dialect.request(server.case, Form.JSON, 1)
        assert request is not None
        assert ask(server.place, Form.JSON, request).values == [2.0]
