"""What names the content of a bundle: the digest of its manifest, which has the digest of every other file."""

import hashlib
from pathlib import Path

_MANIFEST = "manifest.json"


def bundle_digest(bundle: Path) -> str | None:
    """SHA-256 of the manifest of the bundle in this folder, in hexadecimal digits; None where there is no bundle."""
    try:
        return hashlib.sha256((bundle / _MANIFEST).read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
