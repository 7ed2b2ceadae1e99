import json
from pathlib import Path

import pytest

from modelyard_client.errors import Invalid
from modelyard_client.settings import DEFAULT_URL, Settings, checked_url, is_loopback


def write_stack(home: Path, url: str) -> None:
    (home / "stack.json").write_text(json.dumps({"url": url, "port": 8000}))
    (home / "token").write_text("from-the-file\n")


class TestDiscover:
    def test_without_anything_the_local_stack_is_meant(self, tmp_path: Path) -> None:
        settings = Settings.discover(home=tmp_path / "none", environ={})
        assert (settings.url, settings.token) == (DEFAULT_URL, None)

    def test_the_home_names_the_address_and_the_token(self, tmp_path: Path) -> None:
        write_stack(tmp_path, "http://127.0.0.1:8123")
        settings = Settings.discover(environ={"MODELYARD_HOME": str(tmp_path)})
        assert (settings.url, settings.token) == ("http://127.0.0.1:8123", "from-the-file")

    def test_the_environment_comes_before_the_home(self, tmp_path: Path) -> None:
        write_stack(tmp_path, "http://127.0.0.1:8123")
        variables = {"MODELYARD_URL": "https://yard.example/", "MODELYARD_TOKEN": "from-the-environment"}
        settings = Settings.discover(home=tmp_path, environ=variables)
        assert (settings.url, settings.token) == ("https://yard.example", "from-the-environment")

    def test_what_is_given_comes_before_the_environment(self, tmp_path: Path) -> None:
        variables = {"MODELYARD_URL": "https://yard.example"}
        assert Settings.discover(url="http://localhost:1", home=tmp_path, environ=variables).url == "http://localhost:1"

    def test_the_stacks_token_is_not_sent_to_another_host(self, tmp_path: Path) -> None:
        write_stack(tmp_path, "http://127.0.0.1:8123")
        assert Settings.discover(url="https://elsewhere.example", home=tmp_path, environ={}).token is None

    def test_the_stacks_token_is_sent_to_the_stack_on_another_address(self, tmp_path: Path) -> None:
        write_stack(tmp_path, "https://yard.example")
        assert Settings.discover(home=tmp_path, environ={}).token == "from-the-file"

    def test_a_stack_file_that_names_no_url_is_an_error_that_names_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "stack.json").write_text("[]")
        with pytest.raises(Invalid, match=r"stack\.json does not name the stack's url"):
            Settings.discover(home=tmp_path, environ={})

    def test_the_stacks_token_is_not_sent_while_the_stack_asks_for_none(self, tmp_path: Path) -> None:
        """Else one would not be who everybody at this machine is there."""
        stack = {"url": "http://127.0.0.1:8123", "auth": False}
        (tmp_path / "stack.json").write_text(json.dumps(stack))
        (tmp_path / "token").write_text("from-the-file\n")
        assert Settings.discover(home=tmp_path, environ={}).token is None
        assert Settings.discover(url="http://localhost:8123", home=tmp_path, environ={}).token is None
        assert Settings.discover(home=tmp_path, environ={"MODELYARD_TOKEN": "mine"}).token == "mine"

    def test_the_token_is_not_shown(self, tmp_path: Path) -> None:
        assert "hush" not in repr(Settings(url=DEFAULT_URL, home=tmp_path, token="hush"))


class TestCheckedUrl:
    @pytest.mark.parametrize("url", ["ftp://host", "127.0.0.1:8000", "http://", "http://host:port", ""])
    def test_what_is_no_web_address_is_refused(self, url: str) -> None:
        with pytest.raises(Invalid, match="expected an address like"):
            checked_url(url)


class TestIsLoopback:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("http://127.0.0.1:8000", True),
            ("http://127.8.0.1", True),
            ("http://[::1]:8000", True),
            ("http://localhost", True),
            ("http://127.0.0.1.example", False),
            ("http://10.0.0.1", False),
        ],
    )
    def test_only_this_machine_counts(self, url: str, expected: bool) -> None:  # noqa: FBT001  # A parameter of the case.
        assert is_loopback(url) is expected
