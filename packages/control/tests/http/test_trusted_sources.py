"""Which hosts and origins are trusted, by the headers alone."""

import pytest

from modelyard.access.settings import AccessSettings
from modelyard.errors import Forbidden, Invalid
from modelyard.http.settings import HttpSettings
from modelyard.settings import Settings
from modelyard.trusted_sources import TrustedSources

LOOPBACK = TrustedSources(listens_on="127.0.0.1")
EVERYWHERE = TrustedSources(
    listens_on="0.0.0.0",  # Compared with, not bound to.
    hosts=["models.example.com", "*.cluster.local"],
    origins=["https://console.example.com"],
)


def refusal(sources: TrustedSources, *headers: tuple[str, str], method: str = "POST") -> str | None:
    """The code of the refusal, if there is one."""
    try:
        sources.check(method, [(name.lower().encode(), value.encode("latin-1")) for name, value in headers])
    except Forbidden as exc:
        return exc.code
    return None


class TestHostOnLoopback:
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "127.0.0.1:8000", "127.8.9.10:1", "localhost", "LocalHost:8000", "localhost.", "localhost.:8000",
         "[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]:8000", "[::ffff:127.0.0.1]:8000"],
    )  # fmt: skip
    def test_names_of_loopback_are_trusted_with_any_port(self, host: str) -> None:
        assert refusal(LOOPBACK, ("Host", host)) is None

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io", "localtest.me",
         "foo.localhost",
         "192.168.1.5:8000", "[fe80::1]:8000", "0.0.0.0:8000", "2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1",
         "::1", "::1:8000", "127.0.0.1@evil.example", "evil.example@127.0.0.1", "user:pass@localhost",
         "localhost/",
         "localhost:8000/x", "localhost?", "localhost#", "localhost:port", "localhost:", "localhost:123456",
         " localhost",
         "localhost ", "localhost\t", "localhost,evil.example", "localhost..", ".localhost", "[::1", "::1]",
         "[localhost]",
         "[127.0.0.1]", "[::1%25lo]", "", "локалхост".encode().decode("latin-1"), "x" * 10_000],
    )  # fmt: skip
    def test_everything_else_is_refused(self, host: str) -> None:
        assert refusal(LOOPBACK, ("Host", host)) == "host_refused"

    def test_one_that_is_missing_or_there_twice_is_refused(self) -> None:
        assert refusal(LOOPBACK) == "host_refused"
        assert refusal(LOOPBACK, ("Host", "localhost"), ("Host", "localhost")) == "host_refused"
        assert refusal(LOOPBACK, ("Host", "localhost"), ("Host", "evil.example")) == "host_refused"

    def test_the_refusal_names_the_setting_and_what_came(self) -> None:
        with pytest.raises(Forbidden) as refused:
            LOOPBACK.check("GET", [(b"host", b"gpu-box:8000")])
        assert "MODELYARD_ALLOWED_HOSTS" in refused.value.message
        assert "'gpu-box:8000'" in refused.value.message


class TestHostElsewhere:
    @pytest.mark.parametrize(
        "host",
        ["models.example.com", "MODELS.example.com.:443", "a.b.cluster.local", "10.0.0.7:8000", "[fd00::7]:8000",
         "localhost:8000"],
    )  # fmt: skip
    def test_addresses_and_the_names_of_the_setting_are_trusted(self, host: str) -> None:
        assert refusal(EVERYWHERE, ("Host", host)) is None

    @pytest.mark.parametrize("host", ["evil.example", "cluster.local", "evilcluster.local", "x.models.example.com"])
    def test_other_names_are_refused(self, host: str) -> None:
        assert refusal(EVERYWHERE, ("Host", host)) == "host_refused"

    def test_the_name_that_it_listens_on_is_its_own(self) -> None:
        assert refusal(TrustedSources(listens_on="gpu-box"), ("Host", "gpu-box:8000")) is None


class TestOrigin:
    host = ("Host", "127.0.0.1:8000")

    def test_without_one_a_program_is_let_in(self) -> None:
        assert refusal(LOOPBACK, self.host) is None

    def test_the_own_origin_is_let_in(self) -> None:
        assert (
            refusal(LOOPBACK, self.host, ("Origin", "http://127.0.0.1:8000"), ("Sec-Fetch-Site", "same-origin")) is None
        )

    def test_the_own_origin_behind_tls_is_let_in(self) -> None:
        host = ("Host", "models.example.com")
        assert refusal(EVERYWHERE, host, ("Origin", "https://models.example.com")) is None
        assert refusal(EVERYWHERE, ("Host", "models.example.com:443"), ("Origin", "https://models.example.com")) is None

    @pytest.mark.parametrize(
        "origin",
        ["http://evil.example", "null", "", "http://127.0.0.1:3000", "http://127.0.0.1", "http://localhost:8000",
         "http://127.0.0.1:8000.evil.example", "http://127.0.0.1:8000@evil.example", "file://", "file://127.0.0.1:8000",
         "chrome-extension://abcdef", "http://127.0.0.1:8000/", "http://127.0.0.1:8000 http://evil.example"],
    )  # fmt: skip
    def test_every_other_one_is_refused(self, origin: str) -> None:
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            assert refusal(LOOPBACK, self.host, ("Origin", origin), method=method) == "origin_refused"

    def test_two_are_refused(self) -> None:
        own = ("Origin", "http://127.0.0.1:8000")
        assert refusal(LOOPBACK, self.host, own, own) == "origin_refused"

    def test_one_of_the_setting_is_let_in_also_from_another_site(self) -> None:
        came = (("Host", "10.0.0.7"), ("Origin", "https://console.example.com"), ("Sec-Fetch-Site", "cross-site"))
        assert refusal(EVERYWHERE, *came) is None

    def test_one_of_the_setting_does_not_make_a_foreign_host_ours(self) -> None:
        came = (("Host", "evil.example"), ("Origin", "https://console.example.com"))
        assert refusal(EVERYWHERE, *came) == "host_refused"


class TestFetchSite:
    host = ("Host", "localhost:8000")

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "anything", ""])
    def test_a_page_of_another_site_is_refused_without_an_origin_too(self, site: str) -> None:
        assert refusal(LOOPBACK, self.host, ("Sec-Fetch-Site", site), method="GET") == "origin_refused"

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    def test_the_own_page_and_the_person_are_let_in(self, site: str) -> None:
        assert refusal(LOOPBACK, self.host, ("Sec-Fetch-Site", site)) is None

    def test_one_good_word_does_not_cover_a_bad_one(self) -> None:
        sites = (("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site"))
        assert refusal(LOOPBACK, self.host, *sites) == "origin_refused"

    def test_a_link_that_is_followed_to_us_is_let_in_and_a_form_is_not(self) -> None:
        link = (self.host, ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"))
        window, frame = ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Dest", "iframe")
        assert refusal(LOOPBACK, *link, window, method="GET") is None
        assert refusal(LOOPBACK, *link, window, method="POST") == "origin_refused"
        assert refusal(LOOPBACK, *link, frame, method="GET") == "origin_refused"


class TestSettings:
    def test_are_words_with_commas_between_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_ALLOWED_HOSTS", "Models.example.com., *.cluster.local,10.0.0.7 ,[::1]")
        monkeypatch.setenv("MODELYARD_ALLOWED_ORIGINS", "https://console.example.com:443/")
        settings = HttpSettings()
        assert settings.allowed_hosts == ["models.example.com", "*.cluster.local", "10.0.0.7", "::1"]
        assert settings.allowed_origins == ["https://console.example.com"]

    @pytest.mark.parametrize("host", ["*", "models.example.com:8000", "http://models.example.com", "a b", "*.10.0.0.7"])
    def test_a_host_that_is_none_stops_the_start(self, host: str) -> None:
        with pytest.raises(Invalid, match="expected a host's name or address without a port"):
            HttpSettings(allowed_hosts=[host])

    @pytest.mark.parametrize("origin", ["*", "null", "console.example.com", "https://a/b", "ftp://a", "https://*.a"])
    def test_an_origin_that_is_none_stops_the_start(self, origin: str) -> None:
        with pytest.raises(Invalid, match="expected an origin such as"):
            HttpSettings(allowed_origins=[origin])

    def test_nobody_is_let_in_unasked_beyond_loopback(self) -> None:
        """Also where the control plane is started without `modelyard up`, which asks for the same."""
        nobody_is_asked = AccessSettings(auth=False)
        for host in ("0.0.0.0", "10.0.0.7", "::", "gpu-box"):
            with pytest.raises(Invalid, match="must be loopback"):
                Settings(access=nobody_is_asked, http=HttpSettings(host=host))
        for host in ("127.0.0.1", "127.0.0.5", "::1", "localhost"):
            assert Settings(access=nobody_is_asked, http=HttpSettings(host=host)).access == nobody_is_asked
