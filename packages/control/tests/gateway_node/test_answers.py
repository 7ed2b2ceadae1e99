"""Whether two answers say the same."""

import pytest

from modelyard.gateway_node.answers import first_difference


class TestAnswers:
    """Of two versions to one request."""

    @pytest.mark.parametrize(
        ("expected", "actual"),
        [
            (b'{"predictions": [0, 1]}', b'{"predictions": [0, 1]}'),
            (b'{"predictions": [0.5]}', b'{"predictions": [0.50001]}'),
            (b'{"model_version": "1", "outputs": []}', b'{"model_version": "2", "outputs": []}'),
            (b"\x00\x01", b"\x00\x01"),
            (b'{"predictions": [NaN]}', b'{"predictions": [NaN]}'),
            (b"[" * 100_000, b"[" * 100_000),
            (b"[%d]" % 10**400, b"[%d]" % 10**400),
        ],
    )
    def test_they_agree(self, expected: bytes, actual: bytes) -> None:
        assert first_difference(expected, actual, tolerance=1e-3) is None

    @pytest.mark.parametrize(
        ("expected", "actual", "said"),
        [
            (b'{"predictions": [0, 1]}', b'{"predictions": [0, 0]}', "predictions[1]: 0, not 1"),
            (b'{"predictions": ["cat"]}', b'{"predictions": ["dog"]}', 'predictions[0]: "dog", not "cat"'),
            (b'{"predictions": [0.5]}', b'{"predictions": [0.51]}', "predictions[0]: 0.51, not 0.5"),
            (b'{"predictions": [1]}', b'{"predictions": [true]}', "predictions[0]: true, not 1"),
            (b'{"predictions": [1]}', b'{"predictions": [1, 2]}', "predictions: 2 elements, not 1"),
            (b'{"a": 1}', b"{}", "a: null, not 1"),
            (b"\x00", b"\x01", "other bytes"),
            (b"[1]", b"[" * 100_000, "other bytes"),
            (b"[NaN]", b"[0.5]", "[0]: 0.5, not NaN"),
        ],
    )
    def test_they_differ_and_where(self, expected: bytes, actual: bytes, said: str) -> None:
        assert first_difference(expected, actual, tolerance=1e-3) == said
