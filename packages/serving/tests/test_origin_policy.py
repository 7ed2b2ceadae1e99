"""Which requests a model server takes: by `Host`, `Origin` and `Sec-Fetch-Site`."""

import pytest

from modelyard_serving.errors import UsageError
from modelyard_serving.origin_policy import OriginPolicy

LOOPBACK = OriginPolicy(listens_on="127.0.0.1")
ANY = OriginPolicy(listens_on="0.0.0.0")
NAMED = OriginPolicy(listens_on="0.0.0.0", hosts=["models.example.com", "*.cluster.local"])
CONSOLE = OriginPolicy(listens_on="127.0.0.1", origins=["https://console.example.com:443/"])


def is_taken(sources: OriginPolicy, method: str = "POST", **headers: str) -> bool:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if sources.is_already_trusted(named):
        assert sources.refusal(method, named) is None
    return sources.refusal(method, named) is None


class TestHost:
    @pytest.mark.parametrize(
        "host", ["localhost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "LOCALHOST", "localhost."]
    )
    def test_loopback_has_these_names(self, host: str) -> None:
        assert is_taken(LOOPBACK, host=host)

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8080",
            "192.168.1.7",
            "localhost.evil.example",
            "a@localhost",
            "",
            "127.0.0.1, evil",
        ],
    )
    def test_and_no_others(self, host: str) -> None:
        assert not is_taken(LOOPBACK, host=host)
        assert not is_taken(LOOPBACK, host=host)

    def test_the_refusal_names_what_came_and_the_option(self) -> None:
        refused = LOOPBACK.refusal("GET", {"host": "evil.example"})
        assert refused is not None
        assert "--allowed-hosts, got 'evil.example'" in refused.message

    def test_any_interface_asks_only_where_names_are_given(self) -> None:
        assert is_taken(ANY, host="churn-inference.models.svc:8080")
        for host in ("models.example.com", "churn.cluster.local:80", "10.1.2.3:8080", "localhost"):
            assert is_taken(NAMED, host=host)
        for host in ("evil.example", "cluster.local.evil.example"):
            assert not is_taken(NAMED, host=host)

    def test_a_program_that_sends_no_host_is_no_browser(self) -> None:
        assert is_taken(LOOPBACK)


class TestPages:
    @pytest.mark.parametrize("sources", [LOOPBACK, ANY])
    @pytest.mark.parametrize(
        "origin", ["http://evil.example", "null", "http://localhost:3000", "file://", "http://127.0.0.1"]
    )
    def test_a_foreign_page_is_refused(self, sources: OriginPolicy, origin: str) -> None:
        assert not is_taken(sources, host="127.0.0.1:8080", origin=origin)

    def test_a_page_of_our_own_is_taken(self) -> None:
        assert is_taken(LOOPBACK, host="127.0.0.1:8080", origin="http://127.0.0.1:8080", sec_fetch_site="same-origin")
        assert is_taken(ANY, host="models.example.com", origin="https://models.example.com")

    def test_a_page_that_is_allowed_is_taken(self) -> None:
        assert is_taken(CONSOLE, host="localhost", origin="https://console.example.com", sec_fetch_site="cross-site")
        assert not is_taken(CONSOLE, host="localhost", origin="http://console.example.com")

    def test_a_request_across_sites_without_origin_is_refused_but_for_a_link_that_is_followed(self) -> None:
        assert not is_taken(ANY, "GET", host="localhost", sec_fetch_site="cross-site")
        assert not is_taken(ANY, "GET", host="localhost", sec_fetch_site="same-site")
        followed = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
        assert is_taken(ANY, "GET", host="localhost", **followed)
        assert not is_taken(ANY, "POST", host="localhost", **followed)


class TestSettings:
    def test_what_is_no_host_or_origin_is_refused_at_start(self) -> None:
        with pytest.raises(UsageError, match="allowed_hosts: expected names or addresses without a port"):
            OriginPolicy(listens_on="127.0.0.1", hosts=["models.example.com:80"])
        with pytest.raises(UsageError, match="allowed_origins: expected origins such as"):
            OriginPolicy(listens_on="127.0.0.1", origins=["console.example.com"])
