"""Posting to real receivers on loopback; and to those that may not be reached."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from http.client import parse_headers
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import pytest
from receiving_server import ReceivingServer, receiving

from modelyard.adapters.receiver.http import HttpReceivers
from modelyard.ports.receiver import Reply

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
BODY = '{"größe": 1}'.encode()


@pytest.fixture
def receiver() -> Iterator[ReceivingServer]:
    with receiving() as server:
        yield server


def post(
    url: str,
    *,
    times: int = 1,
    allowed: Sequence[IPv4Network | IPv6Network] = LOOPBACK,
    seconds: float = 5.0,
    authorities: Path | None = None,
) -> Reply:
    """Post with receivers of these options; gives the last reply."""

    async def run() -> Reply:
        receivers = HttpReceivers(allowed=allowed, seconds=seconds, authorities=authorities)
        try:
            for _ in range(times):
                reply = await receivers.post(url, headers={"X-Mine": "1"}, body=BODY)
            return reply
        finally:
            await receivers.close()

    return asyncio.run(run())


class TestPost:
    def test_it_sends_the_bytes_and_the_headers(self, receiver: ReceivingServer) -> None:
        reply = post(receiver.url + "?a=b%20c")
        assert (reply.code, reply.error, reply.is_success) == (204, None, True)
        (got,) = receiver.got
        assert (got.path, got.body) == ("/hook?a=b%20c", BODY)
        assert (got.headers["Host"], got.headers["X-Mine"]) == (f"127.0.0.1:{receiver.port}", "1")

    def test_a_redirect_is_reported_and_not_followed(self, receiver: ReceivingServer) -> None:
        with receiving() as other:
            receiver.code, receiver.headers = 307, {"Location": other.url}
            reply = post(receiver.url)
            assert (reply.code, reply.error) == (307, "the receiver answered 307: redirects are not followed")
            assert other.got == []

    def test_one_that_does_not_answer_is_given_up_in_time(self, receiver: ReceivingServer) -> None:
        receiver.may_answer.clear()
        reply = post(receiver.url, seconds=0.3)
        assert (reply.code, reply.error) == (None, "the receiver did not answer within 0.3 s")

    def test_one_that_answers_drop_by_drop_is_given_up_in_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def drip() -> None:
                connection, _ = server.accept()
                with connection:
                    try:
                        for byte in b"HTTP/1.1 200 OK\r\n" * 1000:
                            connection.sendall(bytes([byte]))
                            threading.Event().wait(0.02)
                    except OSError:
                        return

            thread = threading.Thread(target=drip)
            thread.start()
            reply = post(f"http://127.0.0.1:{server.getsockname()[1]}/", seconds=0.3)
            thread.join()
        assert reply.error == "the receiver did not answer within 0.3 s"

    def test_no_more_of_an_answer_is_read_than_is_needed(self, receiver: ReceivingServer) -> None:
        receiver.code, receiver.answer = 200, b"x" * 10_000_000
        assert post(receiver.url, times=2).code == 200

    @pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"\x00" * 200_000])
    def test_nonsense_is_a_failure_and_no_exception(self, answer: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def talk() -> None:
                connection, _ = server.accept()
                with connection:
                    try:
                        connection.recv(65536)
                        connection.sendall(answer)
                    except OSError:
                        return

            thread = threading.Thread(target=talk)
            thread.start()
            reply = post(f"http://127.0.0.1:{server.getsockname()[1]}/")
            thread.join()
        assert (reply.is_success, reply.error is not None or reply.code is not None) == (False, True)

    def test_where_nobody_listens_nobody_answers(self, free_port: int) -> None:
        assert post(f"http://127.0.0.1:{free_port}/").error == "nobody answers at the server's address"

    def test_a_name_without_an_address_is_reported(self) -> None:
        assert post("https://nobody.invalid/").error == "the server's name has no address"

    @pytest.mark.parametrize(
        ("code", "header", "seconds"),
        [
            (429, "7", 7),
            (503, "0", 0),
            (503, "Thu, 01 Jan 1970 00:00:00 GMT", 0),
            (429, "soon", None),
            (500, "7", None),
            (429, "9" * 30, None),
        ],
    )
    def test_how_long_it_asks_to_wait_is_reported(
        self, receiver: ReceivingServer, code: int, header: str, seconds: int | None
    ) -> None:
        receiver.code, receiver.headers = code, {"Retry-After": header}
        reported = post(receiver.url).retry_after
        assert (None if reported is None else reported.total_seconds()) == seconds

    def test_a_proxy_of_the_environment_is_not_asked(
        self, receiver: ReceivingServer, free_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
        assert post(receiver.url).code == 204


class TestAddresses:
    REFUSED = "the server's address is not public, and no network that the operator allows holds it"

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::1]", "0"])
    def test_loopback_is_refused_however_it_is_written(self, receiver: ReceivingServer, host: str) -> None:
        for scheme in ("http", "https"):
            reply = post(f"{scheme}://{host}:{receiver.port}/", allowed=())
            assert (reply.code, reply.error) == (None, self.REFUSED)
        assert receiver.got == []

    def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
        self, receiver: ReceivingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that leads to a public address first and to loopback afterwards is looked up once."""
        answers = [["127.0.0.1"], ["10.0.0.1"]]
        asked: list[str] = []

        def rebinding(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
            asked.append(host)
            return [(0, 0, 0, "", (address, port)) for address in answers[len(asked) - 1]]

        monkeypatch.setattr("modelyard.adapters.receiver.network.socket.getaddrinfo", rebinding)
        url = f"http://rebinding.example:{receiver.port}/"
        assert post(url).code == 204
        assert asked == ["rebinding.example"]
        assert receiver.got[0].headers["Host"] == f"rebinding.example:{receiver.port}"
        assert post(url).error == self.REFUSED

    def test_of_several_addresses_only_the_permitted_are_tried(
        self, receiver: ReceivingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def several(_: str, port: int, **__: object) -> list[tuple[Any, ...]]:
            return [(0, 0, 0, "", (address, port)) for address in ("169.254.169.254", "127.0.0.1")]

        monkeypatch.setattr("modelyard.adapters.receiver.network.socket.getaddrinfo", several)
        assert post(f"http://several.example:{receiver.port}/").code == 204

    def test_without_encryption_only_networks_of_the_operator_are_posted_to(self) -> None:
        assert post("http://1.1.1.1/", allowed=LOOPBACK).error == self.REFUSED

    @pytest.mark.parametrize(
        ("url", "allowed", "is_refused"),
        [
            ("https://hooks.example.com/", (), False),
            ("http://hooks.example.com/", (), True),
            ("http://hooks.example.com/", LOOPBACK, False),
            ("https://127.0.0.1/", (), True),
            ("https://127.0.0.1/", LOOPBACK, False),
            ("https://[fd00::1]/", LOOPBACK, True),
            ("https://169.254.169.254/latest", LOOPBACK, True),
        ],
    )
    def test_what_is_seen_without_asking_is_refused_at_once(
        self,
        url: str,
        allowed: Any,
        is_refused: bool,  # noqa: FBT001
    ) -> None:
        assert (HttpReceivers(allowed=allowed).refusal(url) is not None) is is_refused

    @pytest.mark.parametrize(
        "host",
        ["localhost", "LOCALHOST", "localhost.", "my.localhost", "localhost:8443", "printer.local", "gpu-box", "[::1]",
         "metadata.google.internal", "2130706433", "127.1", "0x7f000001", "0", "0.0.0.0", "[::]", "[::ffff:10.0.0.1]",
         "[64:ff9b::a00:1]", "[fe80::1]", "127.0.0.1."],
    )  # fmt: skip
    def test_names_and_addresses_of_this_machine_and_private_networks_are_refused_when_they_are_set(
        self, host: str
    ) -> None:
        assert HttpReceivers().refusal(f"https://{host}/hook") is not None

    @pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1"])
    def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_set(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        def private(_: str, port: int, **__: object) -> list[tuple[Any, ...]]:
            return [(0, 0, 0, "", (address, port))]

        monkeypatch.setattr("modelyard.adapters.receiver.network.socket.getaddrinfo", private)
        assert HttpReceivers().refusal("https://hooks.example.com/") == self.REFUSED
        assert HttpReceivers(allowed=[ip_network(address)]).refusal("https://hooks.example.com/") is None

    def test_a_name_that_nobody_resolves_in_time_is_not_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It may lead somewhere later; that is asked again at each connection."""
        may_answer = threading.Event()

        def slow(*_: object, **__: object) -> list[tuple[Any, ...]]:
            may_answer.wait(timeout=30)
            return []

        monkeypatch.setattr("modelyard.adapters.receiver.network.socket.getaddrinfo", slow)
        monkeypatch.setattr("modelyard.adapters.receiver.http._LOOKUP_SECONDS", 0.01)
        try:
            assert HttpReceivers().refusal("https://hooks.example.com/") is None
        finally:
            may_answer.set()


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """For the name `hooks.test`, signed by itself, with its key."""
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        name = ["-subj", "/CN=hooks.test", "-addext", "subjectAltName=DNS:hooks.test", "-days", "2"]
        files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
        subprocess.run([*command, *name, *files], check=True, capture_output=True)
        return tmp_path / "cert.pem"

    @pytest.fixture
    def port(self, certificate: Path) -> Iterator[int]:
        """Of a receiver that speaks TLS with this certificate and takes everything."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    with context.wrap_socket(connection, server_side=True) as secured, secured.makefile("rb") as asked:
                        asked.readline()
                        # Who closes with something unread breaks the connection.
                        asked.read(int(parse_headers(asked)["Content-Length"]))
                        secured.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()

    @pytest.fixture(autouse=True)
    def names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "modelyard.adapters.receiver.network.socket.getaddrinfo",
            lambda _, port, **__: [(0, 0, 0, "", ("127.0.0.1", port))],
        )

    def test_the_certificate_is_checked_against_the_name_though_an_address_is_connected_to(
        self, certificate: Path, port: int
    ) -> None:
        assert post(f"https://hooks.test:{port}/", authorities=certificate).code == 204
        wrong = post(f"https://other.test:{port}/", authorities=certificate).error
        assert wrong is not None
        assert wrong.startswith("the server's certificate is not trusted: Hostname mismatch")

    def test_an_authority_that_nobody_trusts_is_not_trusted(self, port: int) -> None:
        error = post(f"https://hooks.test:{port}/").error
        assert error == "the server's certificate is not trusted: self-signed certificate"

    def test_a_receiver_that_does_not_speak_tls_is_reported(self) -> None:
        with receiving() as plain:
            assert post(f"https://hooks.test:{plain.port}/").error == "the server does not speak TLS as we do"
