"""Certificates with their keys, signed by themselves, in the two files that a gateway is given."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def write_pair(folder: Path, serial: int, *, address: str | None = None) -> tuple[Path, Path]:
    """`tls.crt` and `tls.key` of a certificate with this serial number (and 1 more, as 0 is none).

    Args:
        address: the IP address whose server proves itself by it; `localhost` without one.
    """
    proved = x509.DNSName("localhost") if address is None else x509.IPAddress(ip_address(address))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial + 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([proved]), critical=False)
        .sign(key, SHA256())
    )
    places = folder / "tls.crt", folder / "tls.key"
    places[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    places[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return places
