"""The certificate of a node, from the operator's files to Envoy's, again whenever they change.

Envoy reads one file that holds the certificate and the key, so it never sees one without the other.
"""

from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from modelyard.envoy.resources import typed
from modelyard.errors import Invalid
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.listeners import CERTIFICATE
from modelyard.gateway_node.resource_files import write
from modelyard.gateway_node.settings import GatewayNodeSettings

logger = structlog.get_logger()


class Certificate:
    """The operator's two files."""

    def __init__(self, settings: GatewayNodeSettings, folder: NodeFolder) -> None:
        self._paths = (settings.tls_certificate, settings.tls_key)
        self._folder = folder
        self._seen: tuple[bytes, bytes] | None = None
        self.problem: str | None = None
        """Why the newest files are not used; None: they are."""

    def load(self) -> None:
        """Give Envoy the certificate, if there is one.

        Raises:
            Invalid: code `certificate_invalid`; what Envoy has stays.
        """
        certificate, key = self._paths
        if certificate is None or key is None:
            return
        found = (_content(certificate, "MODELYARD_GATEWAY_TLS_CERTIFICATE"), _content(key, "MODELYARD_GATEWAY_TLS_KEY"))
        if found == self._seen:
            return
        _check(*found)
        self._seen = found
        secret = typed(
            "envoy.extensions.transport_sockets.tls.v3.Secret",
            name=CERTIFICATE,
            tls_certificate={
                "certificate_chain": {"inline_string": found[0].decode()},
                "private_key": {"inline_string": found[1].decode()},
            },
        )
        write(self._folder.certificate, [secret])

    def refresh(self) -> None:
        """The same while Envoy runs: files that cannot be used change nothing, and are looked at again."""
        try:
            self.load()
        except Invalid as exc:
            if exc.message != self.problem:
                logger.warning("the gateway keeps its certificate", reason=exc.message)
            self.problem = exc.message
        else:
            self.problem = None


def _content(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise _invalid(f"{variable}: {path} cannot be read: {exc.strerror}") from exc


def _check(certificate: bytes, key: bytes) -> None:
    """The key is the certificate's. While one of two files is replaced, it is not for a moment."""
    try:
        public = x509.load_pem_x509_certificates(certificate)[0].public_key()
    except ValueError as exc:
        raise _invalid(f"MODELYARD_GATEWAY_TLS_CERTIFICATE: expected a certificate (PEM): {exc}") from exc
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as exc:
        raise _invalid("MODELYARD_GATEWAY_TLS_KEY: expected a private key without a password (PEM)") from exc
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != private.public_key().public_bytes(*form):
        raise _invalid("MODELYARD_GATEWAY_TLS_KEY: expected the key of the certificate, got another one")


def _invalid(sentence: str) -> Invalid:
    return Invalid(sentence, code="certificate_invalid")
