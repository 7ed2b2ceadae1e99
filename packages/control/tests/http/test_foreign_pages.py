"""What a web page somewhere else tries on a stack that asks for no token: over real connections, and with a browser."""

import html
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from access_platform import Platform

from modelyard.access.settings import AccessSettings

SCRIPT = {"script_name": "train.py", "script_content": "import mlflow\n", "requirements": []}
EVIL = {"Origin": "http://evil.example"}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_BROWSER_SECONDS = 60


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("open") / "home", access=AccessSettings(auth=False)) as platform:
        yield platform


def rows(platform: Platform) -> tuple[Any, Any]:
    """Every job there is, and the newest entry of the audit log."""
    client = platform.at(None)
    return client.get("/mlops/jobs").json(), client.get("/api/v1/audit", params={"limit": 1}).json()


class TestAForeignPage:
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (json.dumps(SCRIPT), "text/plain"),
            (json.dumps(SCRIPT), "text/plain;charset=UTF-8"),
            (json.dumps(SCRIPT), "application/json"),
            (json.dumps(SCRIPT), None),
            ("script_name=train.py&script_content=x", "application/x-www-form-urlencoded"),
        ],
    )
    @pytest.mark.parametrize(
        "headers",
        [
            EVIL,
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Host": "evil.example"},
            {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        ],
    )
    def test_starts_no_training(
        self, platform: Platform, headers: dict[str, str], body: str, content_type: str | None
    ) -> None:
        before = rows(platform)
        sent = headers | ({} if content_type is None else {"Content-Type": content_type})
        answer = platform.at(None).post("/mlops/train", content=body, headers=sent)
        assert answer.status_code == 403, answer.text
        assert answer.json()["code"] in {"host_refused", "origin_refused"}
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
        assert rows(platform) == before

    def test_uploads_no_file(self, platform: Platform) -> None:
        before = rows(platform)
        files = {"script": ("train.py", b"import mlflow\n", "text/x-python")}
        for path in ("/mlops/train", "/mlops/deploy"):
            assert platform.at(None).post(path, files=files, headers=EVIL).status_code == 403
        assert rows(platform) == before

    def test_is_refused_before_the_body_comes(self, platform: Platform) -> None:
        """The answer is there although most of what was announced is not."""
        head = "POST /mlops/train HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nContent-Length: 9000\r\n"
        with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as connection:
            connection.sendall(f"{head}\r\n{{".encode())
            assert connection.recv(64).startswith(b"HTTP/1.1 403")

    def test_reads_nothing_that_is_remembered(self, platform: Platform) -> None:
        """Not through the fast path either, which answers before a route is looked for."""
        client = platform.at(None)
        for _ in range(3):
            assert client.get("/api/v1/ml/registry/models").status_code == 200
        for headers in (EVIL, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = client.get("/api/v1/ml/registry/models", headers=headers)
            assert (answer.status_code, "models" in answer.json()) == (403, False)

    @pytest.mark.parametrize("path", ["/health/live", "/docs", "/openapi.json", "/nowhere", "/mlops/status"])
    def test_gets_403_from_every_route(self, platform: Platform, path: str) -> None:
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            assert platform.at(None).request(method, path, headers=EVIL).status_code == 403

    def test_opens_no_socket(self, platform: Platform) -> None:
        """Neither does a program: there is no such route. But a page does not get so far."""
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                     "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
        assert platform.at(None).get("/mlops/jobs", headers=handshake | EVIL).status_code == 403

    def test_a_host_that_is_missing_or_there_twice_is_refused(self, platform: Platform) -> None:
        for hosts in ("", "Host: localhost\r\nHost: evil.example\r\n"):
            with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as connection:
                connection.sendall(f"GET /mlops/jobs HTTP/1.0\r\n{hosts}\r\n".encode())
                assert connection.recv(64).split()[1] in {b"400", b"403"}


class TestOurOwn:
    def test_pages_and_programs_are_served(self, platform: Platform) -> None:
        own = f"http://127.0.0.1:{platform.port}"
        tried = platform.at(None).get("/mlops/jobs", headers={"Origin": own, "Sec-Fetch-Site": "same-origin"})
        assert tried.status_code == 200
        assert httpx.get(f"http://localhost:{platform.port}/mlops/jobs").status_code == 200

    def test_curl_is_served(self, platform: Platform) -> None:
        for name in ("127.0.0.1", "localhost"):
            command = ["curl", "--silent", "--fail", f"http://{name}:{platform.port}/mlops/jobs"]
            assert "jobs" in json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)


ATTACK = """<!doctype html><body><pre id=said></pre>
<form id=form method=post enctype=text/plain target=frame action={target}/mlops/train>
<input name='{{"script_name":"train.py","script_content":"pass","x":"' value='"}}'></form>
<iframe name=frame></iframe><img src={target}/mlops/jobs>
<script>
const script = JSON.stringify({script}), said = document.getElementById('said');
const file = new FormData(); file.append('script', new File(['pass'], 'train.py'));
const tries = {{
  text: {{method: 'POST', mode: 'no-cors', body: script}},
  form: {{method: 'POST', mode: 'no-cors', body: file}},
  json: {{method: 'POST', body: script, headers: {{'Content-Type': 'application/json'}}}},
  read: {{}},
}};
document.getElementById('form').submit();
(async () => {{
  for (const [name, init] of Object.entries(tries)) {{
    const path = name == 'read' ? '/mlops/jobs' : '/mlops/train';
    said.textContent += name + ':' + await fetch('{target}' + path, init).then(r => r.status, () => 'blocked') + ' ';
  }}
  said.textContent += 'done';
}})();
</script>"""


class AttackingSite:
    """A site with one page, and what it serves as."""

    def __init__(self, page: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def browse(url: str, profile: Path) -> str:
    """The page, after its scripts have run, as Chromium shows it; every name under `.example` is this machine."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}", "--host-resolver-rules=MAP *.example 127.0.0.1",
        "--virtual-time-budget=10000", "--dump-dom", url,
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_BROWSER_SECONDS)
    return html.unescape(done.stdout)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
class TestABrowser:
    def test_lets_a_foreign_page_change_nothing(self, platform: Platform, tmp_path: Path) -> None:
        before = rows(platform)
        page = ATTACK.format(target=f"http://127.0.0.1:{platform.port}", script=json.dumps(SCRIPT))
        with AttackingSite(page) as site:
            shown = browse(f"http://evil.example:{site.port}/", tmp_path)
        assert "done" in shown, shown
        assert "json:blocked read:blocked" in shown, shown
        assert rows(platform) == before

    def test_finds_nothing_under_a_name_that_was_made_to_lead_to_us(self, platform: Platform, tmp_path: Path) -> None:
        assert "host_refused" in browse(f"http://evil.example:{platform.port}/mlops/jobs", tmp_path)

    def test_shows_our_own_page_which_loads_what_it_needs(self, platform: Platform, tmp_path: Path) -> None:
        """The description of the API is asked for by the page's script, with the headers of a page of ours."""
        assert "operations-tag-mlops" in browse(f"http://127.0.0.1:{platform.port}/docs", tmp_path)
