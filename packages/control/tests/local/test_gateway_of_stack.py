"""Where Envoy is not to be had, the rest of the stack starts without a gateway."""

import pytest

from modelyard.errors import Unavailable
from modelyard.local.stack import _with_possible_gateway
from modelyard.local.stack_file import Stack


class TestAPlatformWithoutEnvoy:
    def test_up_says_so_and_goes_on_without_the_gateway(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> None:
            raise Unavailable("Envoy is not installed.", code="envoy_missing")

        monkeypatch.setattr("modelyard.local.stack.envoy_binary", missing)
        said: list[str] = []
        assert _with_possible_gateway(Stack(port=8001), said.append) == Stack(port=8001, gateway=False)
        assert said == ["The gateway is not started: Envoy is not installed. Everything else works without it."]

    def test_who_wants_none_hears_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said: list[str] = []
        assert not _with_possible_gateway(Stack(gateway=False), said.append).gateway
        assert said == []
