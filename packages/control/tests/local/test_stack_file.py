"""What an `up` asks for, what it gets, and what is remembered."""

import json

from modelyard.home import Home
from modelyard.local.stack_file import Stack, Wanted


class TestWanted:
    def test_what_is_not_asked_for_is_as_the_last_time(self) -> None:
        last = Stack(port=8001, mlflow_port=5001)
        assert Wanted(port=8002).after(last) == Stack(port=8002, mlflow_port=5001)
        assert Wanted().after(None) == Stack()

    def test_that_nobody_needs_a_token_is_never_remembered(self) -> None:
        assert Wanted().after(Stack(auth=False)).auth
        assert not Wanted(auth=False).after(Stack()).auth

    def test_another_tracking_server_is_never_remembered(self) -> None:
        assert Wanted().after(Stack(tracking_uri="http://mlflow:5000")).tracking_uri is None

    def test_it_is_met_by_a_stack_that_has_all_that_was_asked_for(self) -> None:
        running = Stack(port=8001, auth=False)
        assert Wanted().is_met_by(running)
        assert Wanted(port=8001).is_met_by(running)
        assert not Wanted(port=8000).is_met_by(running)
        assert not Wanted(auth=True).is_met_by(running)


class TestStack:
    def test_it_comes_back_from_its_file_which_names_the_addresses_too(self, home: Home) -> None:
        stack = Stack(host="0.0.0.0", port=8001)
        stack.write(home)
        assert Stack.read(home) == stack
        content = json.loads(home.stack_file.read_text())
        assert content["url"] == "http://127.0.0.1:8001"
        assert content["mlflow_url"] == "http://127.0.0.1:5000"

    def test_one_of_a_version_without_a_gateway_comes_back_too(self, home: Home) -> None:
        Stack(port=8001).write(home)
        content = json.loads(home.stack_file.read_text())
        older = {name: value for name, value in content.items() if "gateway" not in name}
        home.stack_file.write_text(json.dumps(older))
        assert Stack.read(home) == Stack(port=8001)

    def test_a_version_6_address_stands_in_brackets(self) -> None:
        assert Stack(host="::").url == "http://[::1]:8000"

    def test_there_is_none_in_a_new_home_or_in_a_broken_file(self, home: Home) -> None:
        assert Stack.read(home) is None
        home.stack_file.write_text('{"url": "http://127.0.0.1:8000"}')
        assert Stack.read(home) is None
