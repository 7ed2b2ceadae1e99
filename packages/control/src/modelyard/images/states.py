"""The life of an image, as a table."""

from enum import StrEnum


class ImageState(StrEnum):
    """How far an image is."""

    PENDING = "pending"
    """A job will build it."""
    BUILDING = "building"
    BUILT = "built"
    """It is in the layout of this machine. One whose repository has no registry goes no further."""
    PUSHED = "pushed"
    """It is in the registry too."""
    FAILED = "failed"


TRANSITIONS: dict[ImageState, frozenset[ImageState]] = {
    ImageState.PENDING: frozenset({ImageState.BUILDING, ImageState.FAILED}),
    ImageState.BUILDING: frozenset({ImageState.BUILT, ImageState.FAILED}),
    ImageState.BUILT: frozenset({ImageState.PUSHED, ImageState.FAILED}),
    ImageState.PUSHED: frozenset(),
    ImageState.FAILED: frozenset(),
}
