from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelyard_client.events import Event, events

STREAM = (
    "\ufeff: a comment\nid: 5\nevent: log\ndata: first\n\n"
    "data: zweite\x85Zeile\r\ndata: and a half\r\n\r\n"
    "id: 9\rdata:é\r\r"
)
EXPECTED = [
    Event("log", "first", "5"),
    Event("message", "zweite\x85Zeile\nand a half", "5"),
    Event("message", "é", "9"),
]


def cut(content: bytes, places: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return (content[start:end] for start, end in pairwise(edges))


class TestEvents:
    @given(places=st.lists(st.integers(min_value=0)))
    def test_a_stream_reads_the_same_however_it_is_cut(self, places: list[int]) -> None:
        assert list(events(cut(STREAM.encode(), places))) == EXPECTED

    def test_an_event_that_the_end_cuts_off_is_dropped(self) -> None:
        assert list(events([b"data: whole\n\ndata: half\n"])) == [Event("message", "whole", "")]

    def test_an_empty_line_of_data_is_an_event(self) -> None:
        assert list(events([b"event: log\ndata: \n\n"])) == [Event("log", "", "")]

    def test_lines_without_data_are_no_event(self) -> None:
        assert list(events([b"event: log\nid: 3\n\n: still here\n\n"])) == []

    def test_bytes_that_are_no_utf_8_are_replaced(self) -> None:
        assert list(events([b"data: \xff\n\n"])) == [Event("message", "\ufffd", "")]
