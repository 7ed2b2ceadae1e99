"""Which cached files go: pure."""

from datetime import timedelta

from modelyard.images.cache_bounds import CacheBounds, CachedItem, surplus

DAY = timedelta(days=1)
WIDE = CacheBounds(max_bytes=1000, max_age=30 * DAY)


def item(name: str, days: float, **files: int) -> CachedItem:
    return CachedItem(name, days * DAY, files or {name: 100})


def names(items: list[CachedItem], bounds: CacheBounds) -> list[str]:
    return [one.name for one in surplus(items, bounds)]


class TestSurplus:
    def test_within_the_bounds_everything_stays(self) -> None:
        assert names([item("a", 1), item("b", 29)], WIDE) == []

    def test_what_was_unused_for_too_long_goes(self) -> None:
        assert names([item("a", 1), item("b", 31), item("c", 90)], WIDE) == ["c", "b"]

    def test_what_was_used_longest_ago_goes_until_the_rest_fits(self) -> None:
        items = [item("a", 1), item("b", 3), item("c", 2)]
        assert names(items, CacheBounds(max_bytes=200, max_age=30 * DAY)) == ["b"]
        assert names(items, CacheBounds(max_bytes=199, max_age=30 * DAY)) == ["b", "c"]

    def test_what_was_used_in_the_last_hour_stays_whatever_it_takes(self) -> None:
        items = [item("now", 0.5 / 24), item("earlier", 2 / 24)]
        assert names(items, CacheBounds(max_bytes=0, max_age=timedelta(0))) == ["earlier"]

    def test_a_shared_file_counts_once_and_goes_with_its_last_user(self) -> None:
        items = [item("a", 3, shared=500, own=100), item("b", 2, shared=500, other=100), item("c", 1)]
        assert names(items, CacheBounds(max_bytes=800, max_age=30 * DAY)) == []
        assert names(items, CacheBounds(max_bytes=700, max_age=30 * DAY)) == ["a"]
        assert names(items, CacheBounds(max_bytes=600, max_age=30 * DAY)) == ["a", "b"]
