"""A disk that is full in the middle of a build: job and image say so, nothing stays, and the next one is made."""

import errno
from collections.abc import Callable

import pytest
from image_yard import ImageYard

from modelyard.oci.blobs import BlobWriter

MakeYard = Callable[..., ImageYard]


@pytest.mark.parametrize("whole_blobs", [0, 2])
def test_the_job_fails_with_that_reason_and_a_later_one_makes_the_image(
    make_yard: MakeYard, monkeypatch: pytest.MonkeyPatch, whole_blobs: int
) -> None:
    yard = make_yard()
    yard.register()
    left = [whole_blobs]
    write, commit = BlobWriter.write, BlobWriter.commit

    def half_written(self: BlobWriter, content: bytes) -> None:
        if left[0] == 0:
            write(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, content)

    def counted(self: BlobWriter, media_type: str) -> object:
        left[0] -= 1
        return commit(self, media_type)

    with monkeypatch.context() as patch:
        patch.setattr(BlobWriter, "write", half_written)
        patch.setattr(BlobWriter, "commit", counted)
        job_id = yard.ask(push=False)["job_id"]
        yard.work()
    job = yard.job(job_id)
    assert job["status"] == "failed"
    assert job["error"]["message"].startswith("disk full: ")
    (image,) = yard.images()
    assert (image["state"], image["reason"]) == ("failed", job["error"]["message"])
    for digest in yard.layout.blobs.names():
        with yard.layout.blobs.open(digest) as blob:
            assert digest.of(blob.read()) == digest

    assert yard.make(push=False)["state"] == "built"
