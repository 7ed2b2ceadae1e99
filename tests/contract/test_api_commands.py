"""`modelyard apis`, `releases` and `explain` against the real application over real HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., tuple[int, str]]
SERVICE = ("--service-url", "https://192.0.2.1/v1")


@pytest.fixture
def made(run: Run) -> Run:
    """A version set with two APIs, of which the first is released."""
    for command in (
        ("apis", "create-set", "ML Models", "--id", "ml-model"),
        ("apis", "create", "ml-model-v1", "ml-model", "--version", "v1", "--set", "ml-model", *SERVICE),
        ("apis", "create", "ml-model-v2", "ml-model", "--version", "v2", "--set", "ml-model", *SERVICE, "--open"),
        ("releases", "create", "ml-model-v1", "--id", "first", "--notes", "Initial Release"),
    ):
        assert run(*command)[0] == 0, command
    return run


def shown(run: Run, *command: str) -> Any:
    code, out = run(*command, "-o", "json")
    assert code == 0
    return json.loads(out)


def test_apis_and_their_sets_are_made_listed_and_deleted(made: Run) -> None:
    assert [api["api_id"] for api in shown(made, "apis")["apis"]] == ["ml-model-v1", "ml-model-v2"]
    assert "Segment" in made("apis", "sets")[1]
    assert made("apis", "create", "other", "ml-model", *SERVICE)[0] == 6
    assert made("apis", "delete", "ml-model-v2")[0] == 0
    assert made("apis", "show", "ml-model-v2")[0] == 3


def test_a_revision_is_tried_taken_offline_released_and_rolled_back(made: Run) -> None:
    assert made("apis", "revise", "ml-model-v1", "--service-url", "https://192.0.2.2/v1")[0] == 0
    for command, is_online in (("offline", False), ("online", True)):
        assert made("apis", command, "ml-model-v1", "2")[0] == 0
        newest, _ = shown(made, "apis", "show", "ml-model-v1")["revisions"]
        assert (newest["api_revision"], newest["is_online"]) == (2, is_online)
    assert made("apis", "offline", "ml-model-v1", "3")[0] == 3
    assert made("releases", "create", "ml-model-v1", "--notes", "Other weights")[0] == 0
    assert made("releases", "rollback", "ml-model-v1", "--notes", "Wrong scores")[0] == 0
    causes = [each["cause"] for each in shown(made, "releases", "list", "ml-model-v1")["releases"]]
    assert causes == ["rollback", "release", "release"]
    assert "Wrong scores" in made("apis", "changes", "ml-model-v1")[1]


def test_an_end_is_announced_and_explained(made: Run) -> None:
    end = ("--sunset", "2090-03-31T00:00:00Z", "--successor", "ml-model-v2")
    assert made("apis", "deprecate", "ml-model-v1", *end)[0] == 0
    assert shown(made, "apis", "show", "ml-model-v1")["api"]["status"] == "deprecated"
    assert shown(made, "explain", "/ml-model/v1/predict")["status"] != 410
    assert made("apis", "retire", "ml-model-v1")[0] == 0
    assert "respond 410" in made("explain", "/ml-model/v1/predict")[1]
    assert "waiting" in made("gateway", "status")[1]
