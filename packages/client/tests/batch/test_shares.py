"""Shares of a file's rows."""

import pytest

from modelyard_client.batch.shares import Share
from modelyard_client.errors import Invalid


@pytest.mark.parametrize(("total", "count"), [(10, 3), (1000, 7), (8, 8), (5, 8)])
def test_each_row_is_in_one_share(total: int, count: int) -> None:
    shares = [Share(index, count).rows(total) for index in range(count)]

    assert [row for share in shares for row in share] == list(range(total))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["8/8", "-1/8", "1", "1/0", "a/b", "1/8/2", "0/100001", "¹/8"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="expected INDEX/COUNT"):
        Share.parse(text)
