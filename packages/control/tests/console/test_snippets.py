"""The texts of the request console, run as they are."""

import ast
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import numpy as np
import pytest

from modelyard.console.snippets import snippets

HOSTILE = {"inputs": {"it's": ["a'b", '$(touch /tmp/x) `id` "q"', "\n\\"], "n": [1, 2, 3]}}


class _Echo(BaseHTTPRequestHandler):
    seen: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.seen.append(self.headers["x-request-id"])
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The library's own name.
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class TestSnippets:
    def test_curl_sends_the_body_whatever_is_in_it(self, url: str) -> None:
        text = dict(snippets(url, "m", HOSTILE))["curl"]
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == HOSTILE

    def test_python_sends_the_body_whatever_is_in_it(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        exec(dict(snippets(url, "m", HOSTILE))["Python"], {})
        assert ast.literal_eval(capsys.readouterr().out) == HOSTILE

    def test_headers_are_sent_whatever_is_in_them(self, url: str) -> None:
        headers = [("x-request-id", 'it\'s $(id) "mine"')]
        texts = dict(snippets(url, "m", {"inputs": [[1]]}, headers))
        _Echo.seen.clear()
        subprocess.run(["bash", "-c", texts["curl"]], capture_output=True, check=True)
        exec(texts["Python"], {})
        assert _Echo.seen == [headers[0][1]] * 2
        assert f"headers={dict(headers)!r}" in texts["tritonclient"]

    def test_tritonclient_gets_a_tensor_for_each_column(self) -> None:
        text = dict(snippets("http://127.0.0.1:8080/m", "m", HOSTILE))["tritonclient"]
        ast.parse(text)
        assert "InferInput('n', values.shape, 'INT64')" in text
        assert "dtype=object" in text

    @pytest.mark.parametrize(
        "values", [[True, False], ["\N{GRINNING FACE}", 'it\'s "so"\n'], [1.5, -2.0], [[1, 2], [3, 4]]]
    )
    def test_a_tensor_is_made_of_the_values(self, values: list[object]) -> None:
        text = dict(snippets("http://127.0.0.1:8080/m", "m", {"inputs": values}))["tritonclient"]
        (made,) = re.findall(r"^values = (.*)$", text, re.MULTILINE)
        assert eval(made, {"np": np}).tolist() == values

    def test_what_is_nested_deeper_than_an_array_can_be_has_no_tensor(self) -> None:
        assert "tritonclient" not in dict(snippets("http://h", "m", {"inputs": json.loads("[" * 500 + "]" * 500)}))

    @pytest.mark.parametrize("inputs", [[[1, "a"]], [], None, {"a": [1, None]}, [[True, 1]]])
    def test_values_of_several_kinds_have_no_tensor(self, inputs: object) -> None:
        assert "tritonclient" not in dict(snippets("http://h", "m", {"inputs": inputs}))
