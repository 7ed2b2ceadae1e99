"""What somebody does who uploads a model over HTTP, and what of it lies in the home."""

import io
import tarfile
from hashlib import sha256
from typing import Any

from access_platform import Platform
from httpx import Client, Response

ROOT = "/api/v1/ml/registry/uploads"


def model_tar(weights: bytes = b"weights", **more: bytes) -> bytes:
    packed = io.BytesIO()
    files = {"MLmodel": b"flavors: {sklearn: {pickled_model: model.pkl}}\n", "model.pkl": weights, **more}
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def begin(owner: Client, content: bytes, **body: Any) -> Response:
    body = {
        "name": "churn",
        "file_name": "model.tar",
        "size_bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        **body,
    }
    return owner.post(ROOT, json=body)


def send(owner: Client, upload_id: str, piece: bytes, offset: int, **headers: str) -> Response:
    return owner.patch(f"{ROOT}/{upload_id}", content=piece, headers={"Upload-Offset": str(offset), **headers})


def upload(owner: Client, content: bytes, **body: Any) -> str:
    begun = begin(owner, content, **body)
    assert begun.status_code == 201, begun.text
    upload_id: str = begun.json()["upload_id"]
    assert send(owner, upload_id, content, 0).status_code == 200
    return upload_id


def kept(platform: Platform) -> list[str]:
    return sorted(path.name for path in platform.control._settings.storage.places.uploads.iterdir())
