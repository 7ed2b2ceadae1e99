"""An OpenID Connect issuer over real HTTP: it publishes its keys, signs what a test asks for, and logs people in.

Its logins are the authorization code flow with PKCE. It lets everybody in as `person`, without a page, and holds to the
protocol: a code is redeemed once, by the client that asked for it, with the verifier and the address of the request.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "modelyard"
CLIENT_ID, CLIENT_SECRET = "console", "a secret: with/signs"


class Issuer:
    """One issuer on a free port of the loopback. Use it as a context manager."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, Any]] = {}
        self.asked: list[str] = []
        """The paths that were fetched, in order."""
        self.answers: dict[str, tuple[int, bytes]] = {}
        """What is answered at a path in place of the right thing."""
        self.person: dict[str, Any] = {"sub": "anna"}
        """The claims of who logs in; None leaves one out, others take the place of the right ones."""
        self.codes: dict[str, dict[str, str]] = {}
        """The queries of the logins whose codes were not redeemed yet."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                place, _, query = self.path.partition("?")
                if place == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", issuer.log_in(dict(parse_qsl(query))))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self._send(*(issuer.answers.get(self.path) or issuer._answer(self.path)))

            def do_POST(self) -> None:
                issuer.asked.append(self.path)
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                answer = issuer._redeem({name: one for name, (one,) in form.items()}, self.headers["Authorization"])
                self._send(*(issuer.answers.get(self.path) or answer))

            def _send(self, status: int, body: bytes) -> None:
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

    def log_in(self, query: dict[str, str]) -> str:
        """Where a browser goes that came with this query: back, with a code."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.url})}"

    def _redeem(self, form: dict[str, str], authorization: str | None) -> tuple[int, bytes]:
        whole = urlencode({"": CLIENT_ID})[1:] + ":" + urlencode({"": CLIENT_SECRET})[1:]
        login = self.codes.pop(form["code"], None)
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        if (
            login is None
            or authorization != f"Basic {base64.b64encode(whole.encode()).decode()}"
            or (form["grant_type"], login["response_type"]) != ("authorization_code", "code")
            or form["redirect_uri"] != login["redirect_uri"]
            or (login["code_challenge"], login["code_challenge_method"]) != (challenge, "S256")
        ):
            return 400, b'{"error": "invalid_grant"}'
        token = self.token(**{"aud": login["client_id"], "nonce": login["nonce"], **self.person})
        return 200, json.dumps({"id_token": token, "access_token": "a", "token_type": "Bearer"}).encode()

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
            places = {"authorization": "authorize", "token": "token", "end_session": "logout"}
            addresses = {f"{name}_endpoint": f"{self.url}/{place}" for name, place in places.items()}
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **addresses}).encode()
        if path == "/keys":
            return 200, json.dumps({"keys": [self._public(key_id) for key_id in self._keys]}).encode()
        return 404, b"{}"
