"""Files and folders that have their name only when they are whole. Errors name what was asked for."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def draft_of(place: Path) -> Iterator[Path]:
    """A path beside it, where the block writes a file or a folder, which is then moved to the place.

    After an error nothing is left, and what was at the place before is there still.

    Raises:
        OSError: of the place, whatever could not be written beside it.
    """
    draft = place.parent / f".modelyard-{uuid4().hex}"
    try:
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        yield draft
        draft.replace(place)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)
