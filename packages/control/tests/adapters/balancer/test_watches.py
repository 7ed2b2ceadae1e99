"""A balancer that would have no instance of inotify left takes no other address."""

from pathlib import Path

import pytest

from modelyard.adapters.balancer.watches import check_room
from modelyard.errors import Unavailable


def test_the_first_address_that_the_system_has_no_room_for_is_refused(tmp_path: Path) -> None:
    limit = tmp_path / "max_user_instances"
    limit.write_text("128\n")
    check_room(47, limit)
    with pytest.raises(Unavailable, match=r"room for 48 addresses.*fs\.inotify\.max_user_instances"):
        check_room(48, limit)
    limit.write_text("1024\n")
    check_room(48, limit)
    check_room(1_000_000, tmp_path / "not there")
