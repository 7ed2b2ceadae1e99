"""Registries with wrong content, endless redirects, huge bodies or lost uploads: nothing leaks and nothing hangs."""

import base64
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from oci_parts import plenty

from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.oci.content import EMPTY, INDEX, LAYER, MANIFEST, Descriptor, Digest, ImageIndex, ImageManifest, Platform
from modelyard.oci.layers import TarLayer
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Repository
from modelyard.oci.registry.addresses import Addresses
from modelyard.oci.registry.challenge import parse_challenges
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.credentials import Anonymous, Credential, Credentials, DockerCredentials
from modelyard.oci.registry.pull import pull_image
from modelyard.oci.registry.push import push_image
from modelyard.oci.registry.streaming import streamed
from modelyard.oci.registry.transport import RegistryAccess
from modelyard.oci.registry.upload_sessions import UploadSessions
from modelyard.oci.registry.uploads import BlobUploads, UploadOutcome
from modelyard.oci.strict_json import MAX_DOCUMENT
from modelyard.oci.supply_chain import attach
from modelyard.oci.tar_format import Entry

Respond = Callable[["Request"], "Reply"]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    breaks_off: bool = False


@dataclass
class Server:
    host: str
    seen: list[Request]


class Known:
    """One credential, for every host."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def of(self, host: str) -> Credential | None:
        return self._credential


@contextmanager
def serving(respond: Respond) -> Iterator[Server]:
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = b"".join(self.chunks()) or self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, parse_qs(parts.query), headers, body)
            seen.append(request)
            reply = respond(request)
            if reply.breaks_off:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def chunks(self) -> Iterator[bytes]:
            """Of a body whose length was not known; of one that ends early, what came."""
            size = 1 if self.headers.get("Transfer-Encoding") == "chunked" else 0
            while size and (line := self.rfile.readline()):
                size = int(line, 16)
                yield self.rfile.read(size)
                self.rfile.readline()

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Server(f"127.0.0.1:{server.server_port}", seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def talking(
    respond: Respond,
    *,
    credentials: Credentials | None = None,
    attempts: int = 3,
    chunk_bytes: int = 1024,
    single_request_bytes: int = 1024,
) -> Iterator[tuple[Registry, Repository, Server]]:
    access = RegistryAccess(
        credentials=credentials or Anonymous(),
        attempts=attempts,
        sleep=lambda _: None,
        timeout_seconds=5,
        chunk_bytes=chunk_bytes,
        single_request_bytes=single_request_bytes,
    )
    with serving(respond) as server, Registry(server.host, access) as registry:
        yield registry, Repository(server.host, "models"), server


def uploads(registry: Registry, repository: Repository, layout: Layout) -> BlobUploads:
    return BlobUploads(registry, repository, blobs=layout.blobs, sessions=UploadSessions(layout.root / ".uploads"))


def answering(reply: Reply) -> Respond:
    """A registry that answers the same to everything."""
    return lambda _: reply


class TestLies:
    def test_a_manifest_of_another_digest_is_refused(self) -> None:
        content = ImageIndex().to_bytes()
        headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
        with talking(lambda _: Reply(200, headers, content)) as (registry, repository, _):
            with pytest.raises(Invalid, match="expected the manifest") as refused:
                registry.manifest(repository.at(Digest.of(b"other")))
            assert registry.manifest(repository.tagged("v1"))[1] == content
        assert refused.value.code == "registry_answer_invalid"
        lying = {**headers, "Docker-Content-Digest": str(Digest.of(b"other"))}
        with (
            talking(lambda _: Reply(200, lying, content)) as (registry, repository, _),
            pytest.raises(Invalid, match="expected the manifest"),
        ):
            registry.manifest(repository.tagged("v1"))

    def test_a_blob_of_another_content_is_not_kept(self, layout: Layout) -> None:
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": LAYER, "digest": str(Digest.of(b"right")), "size": 5},
                "layers": [],
            }
        ).encode()

        def respond(request: Request) -> Reply:
            if "/manifests/" in request.path:
                return Reply(200, {"Content-Type": MANIFEST}, manifest)
            return Reply(200, body=b"wrong")

        with (
            talking(respond) as (registry, repository, _),
            pytest.raises(Invalid, match="of this digest"),
        ):
            pull_image(
                repository.at(Digest.of(manifest)),
                registry,
                layout,
                platform=Platform("amd64"),
                name="x",
                require_space=plenty,
            )
        assert list(layout.blobs.names()) == []
        assert layout.index().manifests == ()

    def test_a_base_is_fetched_by_digest_only(self, layout: Layout) -> None:
        with (
            talking(lambda _: Reply(404)) as (registry, repository, server),
            pytest.raises(Invalid, match="a reference with a digest"),
        ):
            pull_image(
                repository.tagged("latest"),
                registry,
                layout,
                platform=Platform("amd64"),
                name="x",
                require_space=plenty,
            )
        assert server.seen == []

    def test_a_huge_manifest_is_not_read_to_its_end(self) -> None:
        huge = Reply(200, {"Content-Type": MANIFEST}, b" " * (MAX_DOCUMENT + 1))
        with talking(lambda _: huge) as (registry, repository, _), pytest.raises(Invalid, match="at most"):
            registry.manifest(repository.tagged("v1"))

    def test_a_page_of_a_proxy_is_no_image(self) -> None:
        page = Reply(200, {"Content-Type": "text/html"}, b"<html>")
        with talking(lambda _: page) as (registry, repository, _), pytest.raises(Invalid, match="expected an image"):
            registry.manifest(repository.tagged("v1"))


class TestAddresses:
    @pytest.mark.parametrize(
        "location",
        [
            "/v2/models/../../admin",
            "/v2/models/%2e%2e/admin",
            "/v2/models/%252e%252e/admin",
            "http://127.0.0.1:1/v2/models/blobs/uploads/1",
            "http://user:secret@127.0.0.1/x",
            "file:///etc/passwd",
            "",
            "/v2/a b",
            "http://169.254.169.254/latest",
            "//169.254.169.254/latest",
            "http://127.0.0.1:99999/",
        ],
    )
    def test_an_upload_goes_to_the_registry_itself_or_nowhere(self, layout: Layout, location: str) -> None:
        blob = layout.blobs.add(b"content", LAYER)

        def respond(request: Request) -> Reply:
            return Reply(404) if request.method == "HEAD" else Reply(202, {"Location": location})

        with talking(respond) as (registry, repository, server):
            with pytest.raises(Invalid, match="upload location") as refused:
                uploads(registry, repository, layout).put(blob)
            assert {request.method for request in server.seen} == {"HEAD", "POST"}
        assert refused.value.code == "registry_address_refused"
        assert "secret" not in refused.value.message

    def test_redirects_in_a_circle_end(self) -> None:
        circle = Reply(307, {"Location": "/v2/models/manifests/v1"})
        with talking(lambda _: circle) as (registry, repository, server):
            with pytest.raises(Invalid, match="more than 5 redirects"):
                registry.manifest(repository.tagged("v1"))
            assert len(server.seen) <= 8

    def test_a_redirect_of_a_write_is_not_followed(self, layout: Layout) -> None:
        blob = layout.blobs.add(b"content", LAYER)

        def respond(request: Request) -> Reply:
            return Reply(404) if request.method == "HEAD" else Reply(307, {"Location": "/elsewhere"})

        with (
            talking(respond) as (registry, repository, _),
            pytest.raises(Invalid, match="a redirect of a POST is not followed"),
        ):
            uploads(registry, repository, layout).put(blob)

    def test_credentials_do_not_follow_a_redirect_to_another_host(self) -> None:
        content = b"content"
        credentials = Known(Credential("alice", "secret"))
        with serving(lambda _: Reply(200, body=content)) as storage:

            def respond(request: Request) -> Reply:
                if "authorization" not in request.headers:
                    return Reply(401, {"WWW-Authenticate": 'Basic realm="models"'})
                return Reply(307, {"Location": f"http://{storage.host}/signed?key=1"})

            with talking(respond, credentials=credentials) as (registry, repository, server):
                blob = Descriptor(LAYER, Digest.of(content), len(content))
                assert b"".join(registry.blob(repository, blob)) == content
                assert "authorization" in server.seen[-1].headers
            assert [request.path for request in storage.seen] == ["/signed"]
            assert "authorization" not in storage.seen[0].headers

    def test_tls_is_never_given_up(self) -> None:
        addresses = Addresses()
        assert addresses.root("registry.example.com:5000") == "https://registry.example.com:5000"
        assert addresses.root("docker.io") == "https://registry-1.docker.io"
        assert addresses.root("localhost:5000") == "http://localhost:5000"
        assert Addresses(["registry.internal:80"]).root("registry.internal:80") == "http://registry.internal:80"
        for location in ("http://registry.example.com/x", "http://127.0.0.1/x"):
            with pytest.raises(Invalid, match="expected https"):
                addresses.followed("https://registry.example.com/v2/", location, what="redirect")


class TestTokens:
    def test_a_token_is_fetched_for_the_scope_and_used_again(self) -> None:
        def respond(request: Request) -> Reply:
            if request.path == "/token":
                basic = "Basic " + base64.b64encode(b"alice:secret").decode()
                assert request.headers["authorization"] == basic
                assert request.query["scope"] == ["repository:models:pull"]
                assert request.query["service"] == ["the registry"]
                return Reply(200, body=b'{"token": "abc"}')
            if request.headers.get("authorization") != "Bearer abc":
                realm = f'Bearer realm="http://{request.headers["host"]}/token",service="the registry",scope="x"'
                return Reply(401, {"WWW-Authenticate": realm})
            return Reply(200, {"Content-Length": "0", "Docker-Content-Digest": str(Digest.of(b""))})

        with talking(respond, credentials=Known(Credential("alice", "secret"))) as (registry, repository, server):
            for _ in range(3):
                assert registry.digest_of(repository.tagged("v1")) == Digest.of(b"")
            assert [request.path for request in server.seen].count("/token") == 1

    def test_an_identity_token_is_exchanged(self) -> None:
        def respond(request: Request) -> Reply:
            if request.method == "POST":
                form = parse_qs(request.body.decode())
                assert (form["grant_type"], form["refresh_token"]) == (["refresh_token"], ["identity"])
                return Reply(200, body=b'{"access_token": "abc"}')
            if request.headers.get("authorization") != "Bearer abc":
                return Reply(401, {"WWW-Authenticate": 'Bearer realm="/token",service="s"'})
            return Reply(200, {"Docker-Content-Digest": str(Digest.of(b""))})

        credential = Credential("<token>", "identity", is_identity_token=True)
        with talking(respond, credentials=Known(credential)) as (registry, repository, _):
            assert registry.digest_of(repository.tagged("v1")) == Digest.of(b"")

    def test_a_token_server_that_redirects_gets_nothing_more(self) -> None:
        with serving(lambda _: Reply(200, body=b'{"token": "abc"}')) as thief:

            def respond(request: Request) -> Reply:
                if request.path == "/token":
                    return Reply(307, {"Location": f"http://{thief.host}/token"})
                return Reply(401, {"WWW-Authenticate": 'Bearer realm="/token",service="s"'})

            known = Known(Credential("alice", "secret"))
            with talking(respond, credentials=known) as (registry, repository, _), pytest.raises(Unavailable):
                registry.digest_of(repository.tagged("v1"))
            assert thief.seen == []

    def test_credentials_that_are_refused_are_not_sent_for_ever(self) -> None:
        denied = Reply(401, {"WWW-Authenticate": 'Basic realm="models"'})
        known = Known(Credential("alice", "secret"))
        with talking(lambda _: denied, credentials=known) as (registry, repository, server):
            with pytest.raises(Invalid, match="denies access") as refused:
                registry.manifest(repository.tagged("v1"))
            assert len(server.seen) == 2
        assert "secret" not in refused.value.message

    def test_challenges_are_read_as_they_are_written(self) -> None:
        (found,) = parse_challenges(['Bearer realm="https://a/t?x=1,2", service=s ,scope="a b",error="x\\"y"'])
        assert found.scheme == "bearer"
        assert found.parameters == {"realm": "https://a/t?x=1,2", "service": "s", "scope": "a b", "error": 'x"y'}
        assert parse_challenges(["", "="]) == []


class TestRetries:
    def test_transient_errors_are_retried_as_often_as_configured(self) -> None:
        replies = iter([Reply(503), Reply(429, {"Retry-After": "7"}), Reply(404)])
        waited: list[float] = []
        access = RegistryAccess(attempts=3, sleep=waited.append)
        with serving(lambda _: next(replies)) as server, Registry(server.host, access) as registry:
            assert registry.digest_of(Repository(server.host, "models").tagged("v1")) is None
        assert waited == [0.5, 7.0]

    def test_a_registry_that_is_away_is_unavailable(self) -> None:
        with (
            Registry("127.0.0.1:1", RegistryAccess(attempts=2, sleep=lambda _: None)) as registry,
            pytest.raises(Unavailable, match="does not answer"),
        ):
            registry.digest_of(Repository("127.0.0.1:1", "models").tagged("v1"))

    def test_an_upload_that_breaks_off_goes_on_where_it_was(self, layout: Layout) -> None:
        content = os.urandom(5000)
        blob = layout.blobs.add(content, LAYER)
        held = bytearray()
        cuts = iter([False, True, False, True])

        def respond(request: Request) -> Reply:
            place = {"Location": "/v2/models/blobs/uploads/1?state=x"}
            if request.method == "HEAD":
                return Reply(404)
            if request.method == "POST":
                return Reply(202, place)
            if request.method == "PATCH":
                assert request.headers["content-range"].startswith(f"{len(held)}-")
                if next(cuts, False):
                    held.extend(request.body[:100])  # It has some of it when the connection breaks.
                    return Reply(0, breaks_off=True)
                held.extend(request.body)
                return Reply(202, {**place, "Range": f"0-{len(held) - 1}"})
            if request.method == "GET":
                return Reply(204, {**place, "Range": f"0-{max(0, len(held) - 1)}"})
            assert request.query["digest"] == [f"sha256:{hashlib.sha256(held).hexdigest()}"]
            return Reply(201, {"Docker-Content-Digest": request.query["digest"][0]})

        with talking(respond) as (registry, repository, _):
            assert uploads(registry, repository, layout).put(blob) is UploadOutcome.UPLOADED
        assert bytes(held) == content

    def test_an_upload_that_was_cut_off_goes_on_in_the_next_process(self, layout: Layout) -> None:
        content = os.urandom(5000)
        blob = layout.blobs.add(content, LAYER)
        held = bytearray()
        is_away = False

        def respond(request: Request) -> Reply:
            nonlocal is_away
            place = {"Location": "/v2/models/blobs/uploads/1?state=x", "Range": f"0-{max(0, len(held) - 1)}"}
            is_away = is_away or (request.method == "PATCH" and len(held) == 2048 and len(started) == 1)
            if is_away:
                return Reply(0, breaks_off=True)
            if request.method == "HEAD":
                return Reply(404)
            if request.method == "PATCH":
                held.extend(request.body)
                return Reply(202, {**place, "Range": f"0-{len(held) - 1}"})
            if request.method == "PUT":
                return Reply(201)
            return Reply(202 if request.method == "POST" else 204, place)

        started = [1]
        with talking(respond) as (registry, repository, server):
            with pytest.raises(Unavailable):
                uploads(registry, repository, layout).put(blob)
            is_away = False
            started.append(2)
            assert uploads(registry, repository, layout).put(blob) is UploadOutcome.UPLOADED
            assert [request.method for request in server.seen].count("POST") == 1
        assert bytes(held) == content
        assert list((layout.root / ".uploads").iterdir()) == []

    def test_a_lost_upload_session_is_restarted_a_bounded_number_of_times(self, layout: Layout) -> None:
        blob = layout.blobs.add(b"content", LAYER)

        def respond(request: Request) -> Reply:
            return Reply(202, {"Location": "/v2/u"}) if request.method == "POST" else Reply(404)

        with talking(respond) as (registry, repository, server):
            with pytest.raises(Unavailable, match="lost the upload session 3 times"):
                uploads(registry, repository, layout).put(blob)
            assert [request.method for request in server.seen].count("POST") == 3

    def test_a_blob_of_one_chunk_is_sent_with_the_request_that_ends_its_upload(self, layout: Layout) -> None:
        blob = layout.blobs.add(b"content", LAYER)

        def respond(request: Request) -> Reply:
            replies = {"HEAD": Reply(404), "POST": Reply(202, {"Location": "/v2/u"}), "PUT": Reply(201)}
            return replies[request.method]

        with talking(respond) as (registry, repository, server):
            assert uploads(registry, repository, layout).put(blob) is UploadOutcome.UPLOADED
            assert [(request.method, request.body) for request in server.seen] == [
                ("HEAD", b""),
                ("POST", b""),
                ("PUT", b"content"),
            ]

    @pytest.mark.parametrize("range_", ["0-99999999999", "5-9", "nonsense", "0-0"])
    def test_an_upload_that_does_not_grow_or_grows_too_much_is_refused(self, layout: Layout, range_: str) -> None:
        blob = layout.blobs.add(b"content", LAYER)

        def respond(request: Request) -> Reply:
            if request.method == "HEAD":
                return Reply(404)
            return Reply(202, {"Location": "/v2/u", "Range": range_})

        with (
            talking(respond, chunk_bytes=4, single_request_bytes=4) as (registry, repository, _),
            pytest.raises(Invalid, match="sent an invalid response"),
        ):
            uploads(registry, repository, layout).put(blob)

    def test_a_registry_that_neither_mounts_nor_lets_uploads_be_cancelled_is_sent_the_blob(
        self, layout: Layout
    ) -> None:
        blob = layout.blobs.add(b"layer", LAYER)

        def respond(request: Request) -> Reply:
            if request.method == "HEAD":
                return Reply(404)
            if request.method == "DELETE":
                return Reply(403)
            return Reply(202, {"Location": "/v2/u/1"}) if request.method == "POST" else Reply(201)

        with talking(respond) as (registry, repository, server):
            sessions = UploadSessions(layout.root / ".uploads")
            base = Repository(repository.host, "base")
            uploads = BlobUploads(registry, repository, blobs=layout.blobs, sessions=sessions, mount_from=[base])
            assert uploads.put(blob) is UploadOutcome.UPLOADED
        assert [one.method for one in server.seen] == ["HEAD", "POST", "DELETE", "POST", "PUT"]
        assert server.seen[-1].body == b"layer"


class TestStreaming:
    """Blobs that are sent while they are written."""

    CHUNKS = tuple(os.urandom(1000) for _ in range(20))

    def test_one_that_breaks_off_is_finished_by_the_push(self, layout: Layout) -> None:
        held = bytearray()

        def respond(request: Request) -> Reply:
            place = {"Location": "/v2/models/blobs/uploads/1", "Range": f"0-{max(0, len(held) - 1)}"}
            if request.method == "PATCH" and not held:
                held.extend(request.body[:3000])
                return Reply(0, breaks_off=True)
            held.extend(request.body)
            status = {"HEAD": 404, "POST": 202, "GET": 204, "PATCH": 202, "PUT": 201}[request.method]
            return Reply(status, {} if request.method == "HEAD" else {**place, "Range": f"0-{len(held) - 1}"})

        said: list[str] = []
        with talking(respond, chunk_bytes=MAX_DOCUMENT) as (registry, repository, server):
            to = uploads(registry, repository, layout)
            with layout.blobs.writer() as writer, streamed(writer, to, log=said.append) as stream:
                for chunk in self.CHUNKS:
                    stream.write(chunk)
                blob = stream.commit(LAYER)
            assert ["left to the push" in line for line in said] == [True]
            assert to.put(blob) is UploadOutcome.UPLOADED
            (_, rest) = (request for request in server.seen if request.method == "PATCH")
            assert rest.headers["content-range"] == "3000-19999"
        assert bytes(held) == b"".join(self.CHUNKS)

    def test_a_blob_that_is_given_up_is_named_nowhere(self, layout: Layout) -> None:
        place = {"Location": "/v2/models/blobs/uploads/1"}
        with talking(answering(Reply(202, place))) as (registry, repository, server):
            to = uploads(registry, repository, layout)
            with (
                pytest.raises(Invalid, match="expected 90000 bytes"),
                layout.blobs.writer() as writer,
                streamed(writer, to, log=lambda _: None) as stream,
            ):
                TarLayer(stream).add(Entry("model/l.bin", size=90_000), self.CHUNKS)
            methods = {request.method for request in server.seen}
            assert "DELETE" in methods
            assert "PUT" not in methods
        assert list(layout.blobs.names()) == []

    @pytest.mark.parametrize(
        "reply", [Reply(0, breaks_off=True), Reply(503), Reply(401), Reply(202, {"Location": "http://192.0.2.1/x"})]
    )
    def test_what_a_registry_does_fails_no_build(self, layout: Layout, reply: Reply) -> None:
        with talking(answering(reply)) as (registry, repository, server):
            to = uploads(registry, repository, layout)
            with layout.blobs.writer() as writer, streamed(writer, to, log=lambda _: None) as stream:
                for chunk in self.CHUNKS:
                    stream.write(chunk)
                blob = stream.commit(LAYER)
            assert [request.method for request in server.seen] == ["POST"]
        assert blob.digest == Digest.of(b"".join(self.CHUNKS))
        assert layout.blobs.has(blob)


class TestReferrers:
    SUBJECT = Digest.of(b"image")
    ARTIFACTS = tuple(Descriptor(MANIFEST, Digest.of(name), 1, artifact_type="a/b") for name in (b"one", b"two"))

    def test_the_pages_of_the_api_are_read_one_after_the_other(self) -> None:
        def respond(request: Request) -> Reply:
            assert request.path == f"/v2/models/referrers/{self.SUBJECT}"
            number = int(request.query.get("page", ["0"])[0])
            link = {} if number else {"Link": f'<{request.path}?page=1>; rel="next"'}
            return Reply(
                200, {"Content-Type": INDEX, **link}, ImageIndex(self.ARTIFACTS[number : number + 1]).to_bytes()
            )

        with talking(respond) as (registry, repository, _):
            assert tuple(registry.referrers(repository, self.SUBJECT)) == self.ARTIFACTS

    def test_pages_without_an_end_and_pages_of_others_are_refused(self) -> None:
        for link, expected in (("/v2/models/referrers/x", "pages of referrers"), ("http://127.0.0.1:1/x", "next page")):
            headers = {"Content-Type": INDEX, "Link": f'<{link}>; rel="next"'}
            with (
                talking(answering(Reply(200, headers, ImageIndex().to_bytes()))) as (registry, repository, _),
                pytest.raises(Invalid, match=expected),
            ):
                registry.referrers(repository, self.SUBJECT)

    def test_a_registry_that_lists_them_itself_gets_no_fallback_tag(self, layout: Layout) -> None:
        config = layout.blobs.add(b"{}", EMPTY)
        image = layout.put(layout.blobs.add(ImageManifest(config, ()).to_bytes(), MANIFEST), name="x")
        attach(layout, image, b"{}", artifact_type="application/x+json", title="x", created="2026")

        def respond(request: Request) -> Reply:
            if request.method == "PUT":
                has_subject = b"subject" in request.body
                return Reply(201, {"OCI-Subject": str(image.digest)} if has_subject else {})
            return Reply(200, {"Content-Length": "2"})

        with talking(respond) as (registry, repository, server):
            push_image(layout, image, repository.tagged("v1"), registry)
            put = [request.path.rpartition("/")[2] for request in server.seen if request.method == "PUT"]
        (artifact,) = layout.referrers(image.digest)
        assert put == [str(image.digest), str(artifact.digest), "v1"]


class TestDockerCredentials:
    def known(self, tmp_path: Path, config: object, host: str, **helpers: str) -> Credential | None:
        (tmp_path / "config.json").write_text(json.dumps(config))
        for name, script in helpers.items():
            program = tmp_path / f"docker-credential-{name}"
            program.write_text(f"#!/bin/sh\nread host\n{script}\n")
            program.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        return DockerCredentials(tmp_path / "config.json", environment=environment).of(host)

    def test_a_helper_is_given_the_host_and_nothing_else(self, tmp_path: Path) -> None:
        script = 'printf \'{"ServerURL":"x","Username":"%s","Secret":"s"}\' "$host"'
        config = {"credHelpers": {"registry.example.com:5000": "own"}, "auths": {"registry.example.com:5000": {}}}
        assert self.known(tmp_path, config, "registry.example.com:5000", own=script) == Credential(
            "registry.example.com:5000", "s"
        )
        assert self.known(tmp_path, config, "registry.example.com", own=script) is None

    def test_a_store_that_knows_nobody_leaves_what_is_written(self, tmp_path: Path) -> None:
        config = {"credsStore": "none", "auths": {"https://a.example.com/v1/": {"auth": "YTpiOmM="}}}
        script = "echo credentials not found in native keychain; exit 1"
        assert self.known(tmp_path, config, "a.example.com", none=script) == Credential("a", "b:c")

    def test_dockers_own_registry_has_its_old_key(self, tmp_path: Path) -> None:
        config = {"auths": {"https://index.docker.io/v1/": {"username": "a", "password": "b"}}}
        assert self.known(tmp_path, config, "docker.io") == Credential("a", "b")

    def test_an_identity_token_is_known_as_one(self, tmp_path: Path) -> None:
        found = self.known(
            tmp_path, {"auths": {"a.azurecr.io": {"auth": "YTpi", "identitytoken": "t"}}}, "a.azurecr.io"
        )
        assert found is not None
        assert found.is_identity_token
        assert "secret='t'" not in repr(found)

    def test_what_cannot_be_read_is_said_without_a_secret(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="names of credential helpers"):
            self.known(tmp_path, {"credsStore": "../../bin/sh"}, "a")
        with pytest.raises(Invalid, match="base64") as refused:
            self.known(tmp_path, {"auths": {"a": {"auth": "geheim!"}}}, "a")
        assert "geheim" not in refused.value.message
        with pytest.raises(Unavailable, match="not on the PATH"):
            self.known(tmp_path, {"credsStore": "missing"}, "a")
        with pytest.raises(Unavailable, match="sent no credential"):
            self.known(tmp_path, {"credsStore": "bad"}, "a", bad="echo secret")
        with pytest.raises(Unavailable, match="ended with 3"):
            self.known(tmp_path, {"credsStore": "ends"}, "a", ends="echo secret; exit 3")
        with pytest.raises(Invalid, match="JSON object"):
            self.known(tmp_path, [], "a")

    def test_no_file_is_nobody(self, tmp_path: Path) -> None:
        assert DockerCredentials(tmp_path / "none.json", environment={}).of("a") is None

    def test_what_is_not_there_is_not_found(self) -> None:
        with talking(lambda _: Reply(404)) as (registry, repository, _), pytest.raises(NotFound):
            registry.manifest(repository.tagged("v1"))
