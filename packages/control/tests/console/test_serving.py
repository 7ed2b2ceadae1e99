"""How pages are served: the policy, what others wrote, what goes wrong, what is passed on."""

import hashlib
import re
from importlib.resources import files

import pytest
from api_routes import console_routes
from console_world import Installation

from modelyard.console.static_files import StaticFiles
from modelyard.console.words import NOTHING, ago, number, size, span
from modelyard.errors import Unavailable


class TestPolicy:
    def test_no_script_runs_but_with_the_nonce_and_no_page_has_an_inline_one(self, installation: Installation) -> None:
        reader = installation.reader("admin")
        first, second = (reader.get("/console/models") for _ in range(2))
        policy = first.headers["content-security-policy"]
        (nonce,) = re.findall(r"script-src 'nonce-([^']+)';", policy)
        assert nonce not in second.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert first.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*nonce=)|\son[a-z]+=|\sstyle=|javascript:", first.text)

    def test_nothing_is_loaded_from_elsewhere(self, installation: Installation) -> None:
        page = installation.reader("viewer").get("/console/models").text
        loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', page)
        assert len(loaded) >= 5
        assert all(address.startswith("/console/static/") for address in loaded)

    def test_the_first_view_is_under_60_kb(self, installation: Installation) -> None:
        reader = installation.reader("viewer")
        page = reader.get("/console/models")
        loaded = set(re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page.text))
        modules = {path for path in StaticFiles().paths if path.endswith(".js") and "/vendor/" not in path}
        sizes = [
            int(reader.get(path, headers={"Accept-Encoding": "gzip"}).headers["content-length"])
            for path in loaded | modules
        ]
        assert sum(sizes) + len(page.content) < 60_000

    def test_what_others_wrote_is_what_is_written_down(self) -> None:
        vendor = files("modelyard.console") / "static" / "vendor"
        written = StaticFiles().vendored()
        found = {file.name for file in vendor.iterdir() if file.name.endswith((".js", ".css"))}
        assert found == set(written)
        for name, entry in written.items():
            assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == entry["sha256"]
            licence = entry["licence"].rpartition(" ")[2]
            assert (vendor / licence).is_file()


class TestAShadow:
    def test_the_page_of_its_model_shows_how_its_answers_compare(self, installation: Installation) -> None:
        page = installation.reader("viewer").get("/console/models/churn").text
        for shown in (
            "version 2: copies of 20",
            "1\u202f250",
            "4 ms",
            "3 ms",
            "req-20",
            "predictions[0]: &lt;1&gt;, not 0",
        ):
            assert shown in page, shown


class TestErrors:
    def test_an_address_of_no_page_is_a_page(self, installation: Installation) -> None:
        answer = installation.reader("viewer").get("/console/<script>alert(1)</script>")
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text

    def test_a_filter_that_is_none_says_which(self, installation: Installation) -> None:
        answer = installation.reader("viewer").get("/console/models?order=size")
        assert answer.status_code == 400
        assert "order" in answer.text

    def test_who_may_not_look_sees_why(self, installation: Installation) -> None:
        answer = installation.reader("viewer").get("/console/api/api/v1/webhooks")
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")

    def test_a_part_of_the_api_that_fails_is_named_and_the_rest_is_shown(
        self, installation: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object, **__: object) -> None:
            raise Unavailable("the database does not answer", code="database_unavailable")

        reader = installation.reader("viewer")
        monkeypatch.setattr(installation.platform.control.jobs, "page", away)
        page = reader.get("/console")
        assert page.status_code == 200
        assert "<b>Failed jobs</b> cannot be shown now: the database does not answer" in page.text
        assert "2 points better on the test set" in page.text
        alone = reader.get("/console/jobs")
        assert (alone.status_code, "the database does not answer" in alone.text) == (503, True)


class TestWhatIsPassedOn:
    def test_it_is_harmless_wherever_it_is_opened(self, installation: Installation) -> None:
        answer = installation.reader("viewer").get("/console/api/api/v1/audit", params={"model": "churn"})
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_a_notebook_is_framed_by_pages_of_this_server_only(self, installation: Installation) -> None:
        reader, job = installation.reader("viewer"), f"/console/jobs/{installation.ids['notebook_job_id']}/notebook"
        assert "frame-src 'self'" in reader.get(job).headers["content-security-policy"]
        assert "frame-src" not in reader.get("/console/jobs").headers["content-security-policy"]
        framed = reader.get(f"{job}/page")
        policy = framed.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'; img-src data:;")
        assert "frame-ancestors 'self'" in policy
        assert framed.headers["cache-control"] == "no-store"
        passed = reader.get(f"/console/api/mlops/jobs/{installation.ids['notebook_job_id']}/notebook.html")
        assert passed.headers["content-disposition"] == "attachment"
        missing = reader.get(f"/console/jobs/{installation.ids['job_id']}/notebook/page")
        assert (missing.status_code, missing.headers["content-security-policy"][:8]) == (404, "sandbox;")

    def test_its_query_is_the_apis(self, installation: Installation) -> None:
        reader = installation.reader("viewer")
        log = f"/console/api/mlops/jobs/{installation.ids['job_id']}/log"
        assert reader.get(f"{log}?tail=10", headers={"Accept": "text/event-stream"}).status_code == 200
        refused = reader.get(f"{log}?tails=10")
        assert (refused.status_code, refused.json()["code"]) == (400, "query_unknown")

    def test_only_gets_are(self, installation: Installation) -> None:
        assert installation.reader("admin").post("/console/api/api/v1/webhooks", json={}).status_code in {404, 405}

    def test_the_console_does_not_pass_itself_on(self, installation: Installation) -> None:
        assert installation.reader("admin").get("/console/api/console/models").status_code == 404


def test_the_navigation_shows_what_the_caller_may_see(installation: Installation) -> None:
    made = installation.platform.operator.post(
        "/api/v1/access/tokens", json={"name": "narrow", "scopes": ["models:read", "jobs:read"]}
    )
    narrow = installation.logged_in(made.json()["secret"]).get("/console/models").text
    assert re.findall(r'data-go="(.)"', narrow) == ["n", "m", "p", "j", "h"]
    assert 'data-go="m" aria-current="page"' in narrow
    whole = installation.reader("viewer").get("/console/models").text
    assert re.findall(r'data-go="(.)"', whole) == ["n", "m", "p", "j", "d", "a", "r", "h", "t", "s"]


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "said"),
        [
            (0.0421, "42 ms"),
            (12, "12 s"),
            (61, "1 min"),
            (7200, "2 h"),
            (200_000, "2 d"),
            (40 * 86400, "1 mo"),
            (None, NOTHING),
        ],
    )
    def test_a_span_is_in_the_largest_unit_that_it_fills(self, seconds: float | None, said: str) -> None:
        assert span(seconds) == said

    def test_sizes_and_numbers_are_as_people_compare_them(self) -> None:
        assert (size(1536), size(12), size(None)) == ("1.5 KiB", "12 B", NOTHING)
        assert (number(0.912345678), number(12345), number("a"), number(None)) == (
            "0.91235",
            "12\u202f345",
            "a",
            NOTHING,
        )

    def test_a_moment_that_comes_is_said_so(self) -> None:
        assert ago("2999-01-01T00:00:00Z").startswith("in ")


class TestEveryRoute:
    def test_leads_a_stranger_to_the_login_or_refuses(self, installation: Installation) -> None:
        stranger = installation.platform.at(None)
        looked_at = 0
        for route in console_routes(installation.platform.app):
            path = re.sub(r"{[^}]+}", "some", route.path or "")
            if path.startswith(("/console/static", "/console/login", "/console/logout", "/console/theme")):
                continue
            for method in route.methods or ():
                answer = stranger.request(method, path, headers={"Accept": "text/html"})
                assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/console/login"), (
                    path
                )
                looked_at += 1
        assert looked_at > 10

    def test_of_a_page_refuses_a_query_that_it_does_not_know(self, installation: Installation) -> None:
        reader = installation.reader("admin")
        for path in ("/console", "/console/models", "/console/models/churn", "/console/approvals", "/console/activity"):
            answer = reader.get(path, params={"limti": "5"})
            assert answer.status_code == 400, path
            assert "limti" in answer.text
