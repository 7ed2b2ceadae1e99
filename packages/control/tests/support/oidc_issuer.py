"""An OpenID Connect issuer over real HTTP: it publishes its keys, and signs what a test asks for."""

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "modelyard"


class Issuer:
    """One issuer on a free port of the loopback. Use it as a context manager."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, Any]] = {}
        self.asked: list[str] = []
        """The paths that were fetched, in order."""
        self.answers: dict[str, tuple[int, bytes]] = {}
        """What is answered at a path in place of the right thing."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                status, body = issuer.answers.get(self.path) or issuer._answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add_key(self, key_id: str, algorithm: str = "RS256") -> None:
        """Make a key and publish it from now on."""
        made: Any = (
            rsa.generate_private_key(public_exponent=65537, key_size=2048)
            if algorithm.startswith("RS")
            else ec.generate_private_key(ec.SECP256R1())
        )
        self._keys[key_id] = (algorithm, made)

    def token(self, *, key_id: str = "one", headers: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A token that is right but for the claims that are given; None leaves one out."""
        now = int(time.time())
        whole = {"iss": self.url, "aud": AUDIENCE, "sub": "anna", "iat": now, "exp": now + 300} | claims
        algorithm, key = self._keys[key_id]
        present = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(present, key, algorithm=algorithm, headers={"kid": key_id, **(headers or {})})

    def public_key(self, key_id: str = "one") -> bytes:
        """The bytes that a forger could take for a shared secret."""
        return json.dumps(self._public(key_id)).encode()

    def _public(self, key_id: str) -> dict[str, Any]:
        algorithm, key = self._keys[key_id]
        to_jwk = RSAAlgorithm.to_jwk if algorithm.startswith("RS") else ECAlgorithm.to_jwk
        reported: dict[str, Any] = json.loads(to_jwk(key.public_key()))
        reported.pop("key_ops", None)
        return {**reported, "kid": key_id, "use": "sig", "alg": algorithm}

    def _answer(self, path: str) -> tuple[int, bytes]:
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        if path == "/keys":
            return 200, json.dumps({"keys": [self._public(key_id) for key_id in self._keys]}).encode()
        return 404, b"{}"
