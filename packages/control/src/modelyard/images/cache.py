"""What this machine keeps so that the next image is made sooner: wheels, fetched bases, images of runs, and images that
are in their registry. All of it can be fetched or made again, and what was used longest ago goes first."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from modelyard.images.cache_bounds import CacheBounds, CachedItem, surplus
from modelyard.oci.content import REF_NAME, Descriptor
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layout import Layout
from modelyard.oci.layout_names import CACHED
from modelyard.oci.reference import is_reference
from modelyard.oci.supply_chain import remove_orphans
from modelyard.ports.clock import Clock

_CHOSEN = "chosen"


class ImageCache:
    """The caches of one home: a layout, and a folder of wheels.

    Args:
        layout: its manifests' files say when their image was used last.
        wheelhouse: wheels by their sha256, and in `chosen` which of them a lock takes.
        bounds: of all of it together.
        clock: says how long ago that was.
        pinned: the names in the layout of what is kept whatever its age.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        wheelhouse: Path,
        bounds: CacheBounds,
        clock: Clock,
        pinned: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._layout = layout
        self._wheelhouse = wheelhouse
        self._bounds = bounds
        self._clock = clock
        self._pinned = pinned

    def names(self) -> set[str]:
        """Of all images in the layout."""
        return {name for entry in self._layout.index().manifests if (name := _name(entry)) is not None}

    def prune(self, *, pushed: Collection[str] = ()) -> int:
        """Bring the caches within their bounds, and delete what nothing leads to.

        Args:
            pushed: names of images of versions that are in their registry, and that nothing on this machine needs.

        Returns:
            how many bytes were deleted.

        Raises:
            Conflict: code `layout_in_use`: an image is being built, copied or sent. Try again later.
        """
        with self._layout.exclusive_lock():
            entries = {name: entry for entry in self._layout.index().manifests if (name := _name(entry)) is not None}
            droppable = self._droppable(entries.keys(), pushed)
            items = [*self._images(entries, droppable), *self._wheels()]
            freed = 0
            for item in surplus(items, self._bounds):
                if item.name in entries:
                    self._layout.remove(entries[item.name].digest, name=item.name)
                else:
                    freed += self._remove_wheel(item)
            self._remove_old_choices()
            remove_orphans(self._layout)
            freed += self._layout.collect_locked()
            LayerCache.remove_orphans(self._layout)
            return freed

    def _droppable(self, names: Collection[str], pushed: Collection[str]) -> set[str]:
        pinned = self._pinned()
        cached = {name for name in names if name.startswith(CACHED) and name not in pinned}
        return cached | {name for name in names if name in pushed and is_reference(name)}

    def _images(self, entries: dict[str, Descriptor], droppable: set[str]) -> Sequence[CachedItem]:
        """Each with the blobs that go with it, which are not of an image that stays."""
        staying = [self._layout.reachable_from(entry) for name, entry in entries.items() if name not in droppable]
        kept = Counter(digest for blobs in staying for digest in blobs)
        return [
            CachedItem(
                name,
                self._unused_for(self._layout.blobs.path(entries[name].digest)),
                {
                    str(digest): self._layout.blobs.size(digest)
                    for digest in self._layout.reachable_from(entries[name])
                    if not kept[digest]
                },
            )
            for name in droppable
        ]

    def _wheels(self) -> Sequence[CachedItem]:
        return [
            CachedItem(str(wheel), self._unused_for(wheel), {str(wheel): wheel.stat().st_size})
            for wheel in self._wheelhouse.glob("*/*.whl")
        ]

    def _remove_wheel(self, item: CachedItem) -> int:
        wheel = Path(item.name)
        wheel.unlink(missing_ok=True)
        with suppress(OSError):  # Another file may be beside it.
            wheel.parent.rmdir()
        return sum(item.files.values())

    def _remove_old_choices(self) -> None:
        for choice in (self._wheelhouse / _CHOSEN).glob("*.json"):
            if self._unused_for(choice) > self._bounds.max_age:
                choice.unlink(missing_ok=True)

    def _unused_for(self, path: Path) -> timedelta:
        try:
            used = datetime.fromtimestamp(path.stat().st_mtime, tz=self._clock.now().tzinfo)
        except FileNotFoundError:
            return timedelta.max
        return self._clock.now() - used


def _name(entry: Descriptor) -> str | None:
    return entry.annotations.get(REF_NAME)
