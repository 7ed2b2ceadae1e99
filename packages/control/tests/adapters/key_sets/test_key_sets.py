"""Keys that are fetched from real servers on loopback, from the fake, and from where nothing may be fetched."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Thread

import pytest

from modelyard.adapters.key_sets.fake import FakeKeySets
from modelyard.adapters.key_sets.http import HttpKeySets
from modelyard.errors import Unavailable
from modelyard.ports.key_sets import KeySets

LOOPBACK = [ip_network("127.0.0.0/8")]
KEYS = b'{"keys": []}'
ANSWERS = {
    "/keys": (200, {}, KEYS),
    "/moved": (302, {"Location": "/keys"}, b""),
    "/missing": (404, {}, KEYS),
    "/long": (200, {}, b"x" * 300_000),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Answers by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, headers, body = ANSWERS[self.path]
            self.send_response(code)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "made",
    [lambda url: FakeKeySets({f"{url}/keys": KEYS}), lambda _: HttpKeySets(allowed=LOOPBACK)],
    ids=["fake", "http"],
)
class TestKeySets:
    def test_what_is_published_is_fetched(self, made: Callable[[str], KeySets], server: str) -> None:
        assert made(server).fetch(f"{server}/keys") == KEYS

    def test_where_nobody_answers_nothing_can_be_had(self, made: Callable[[str], KeySets], server: str) -> None:
        with pytest.raises(Unavailable) as refused:
            made(server).fetch("http://127.0.0.1:1/keys")
        assert refused.value.code == "jwks_unavailable"


class TestHttpKeySets:
    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/moved", "the server answered 302; redirects are not followed"),
            ("/missing", "the server answered 404"),
            ("/long", "longer than 256 KiB"),
        ],
    )
    def test_an_answer_that_is_no_document_of_keys_is_refused(self, server: str, path: str, said: str) -> None:
        with pytest.raises(Unavailable, match=said):
            HttpKeySets(allowed=LOOPBACK).fetch(server + path)

    @pytest.mark.parametrize(
        "url", ["{server}/keys", "https://127.0.0.1/keys", "http://localhost/", "https://169.254.169.254/"]
    )
    def test_an_address_that_is_not_public_is_not_connected_to(self, server: str, url: str) -> None:
        with pytest.raises(Unavailable, match="the server's address is not public"):
            HttpKeySets().fetch(url.format(server=server))
