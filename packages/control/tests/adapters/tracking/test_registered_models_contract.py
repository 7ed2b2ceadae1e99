"""What every adapter of `RegisteredModels` keeps."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from modelyard.adapters.tracking import FakeRegisteredModels, FakeTracking, MlflowRegisteredModels
from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.ports.registered_models import NO_STAGE, RegisteredModels, ShownVersion

FILES = {"MLmodel": b"flavors: {}\n"}


class People(Protocol):
    """Who uses the tracker without us."""

    def log(self) -> tuple[str, str]:
        """Log a model; gives its address and its run."""

    def register(self, name: str, source: str, run_id: str | None) -> None:
        """Register what is at the address."""

    def move(self, name: str, number: int, stage: str) -> None:
        """Use MLflow's own stages."""

    def write_prompt(self, name: str) -> None:
        """Keep a prompt."""


class MlflowPeople:
    """Use MLflow's own client."""

    def __init__(self, uri: str, folder: Path) -> None:
        import mlflow  # noqa: PLC0415  # Takes seconds.

        self.client: Any = mlflow.MlflowClient(uri, uri)
        self._folder = folder

    def log(self) -> tuple[str, str]:
        run_id = str(self.client.create_run("0").info.run_id)
        model = self.client.create_logged_model("0", name="model", source_run_id=run_id)
        for path, content in FILES.items():
            (self._folder / path).write_bytes(content)
        self.client.log_model_artifacts(model.model_id, str(self._folder))
        self.client.finalize_logged_model(model.model_id, "READY")
        return f"models:/{model.model_id}", run_id

    def register(self, name: str, source: str, run_id: str | None) -> None:
        model_id = source.removeprefix("models:/") if source.startswith("models:/m-") else None
        self.client.create_model_version(name, source, run_id, model_id=model_id)

    def move(self, name: str, number: int, stage: str) -> None:
        self.client._get_registry_client().transition_model_version_stage(name, str(number), stage)

    def write_prompt(self, name: str) -> None:
        self.client.register_prompt(name, "Say {{this}}.")


class FakePeople:
    """Use the fake's."""

    def __init__(self, tracking: FakeTracking, registered: FakeRegisteredModels) -> None:
        self._tracking = tracking
        self._registered = registered

    def log(self) -> tuple[str, str]:
        run_id = self._tracking.log_run("experiment")
        return self._tracking.log_model(run_id, "model", FILES).uri, run_id

    def register(self, name: str, source: str, run_id: str | None) -> None:
        self._registered.register(name, source, run_id=run_id)

    def move(self, name: str, number: int, stage: str) -> None:
        self._registered.move(name, number, stage)

    def write_prompt(self, name: str) -> None:
        """The fake keeps no prompts."""


@dataclass(frozen=True)
class Subject:
    """An adapter under test, and the people around it."""

    registered: RegisteredModels
    people: People
    unanswered: Callable[[], RegisteredModels]

    def version(self, name: str, *, tags: dict[str, str] | None = None, description: str = "") -> ShownVersion:
        """A version that we made."""
        uri, run_id = self.people.log()
        self.registered.make_model(name)
        return self.registered.make_version(
            name, model_uri=uri, run_id=run_id, description=description, tags=tags or {}
        )


@pytest.fixture(params=["mlflow", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.getfixturevalue(f"{request.param}_subject")
    return made


@pytest.fixture
def mlflow_subject(mlflow_server: str, tmp_path: Path) -> Subject:
    def unanswered() -> RegisteredModels:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return MlflowRegisteredModels(uri=f"http://127.0.0.1:{probe.getsockname()[1]}")

    return Subject(MlflowRegisteredModels(uri=mlflow_server), MlflowPeople(mlflow_server, tmp_path), unanswered)


@pytest.fixture
def fake_subject() -> Subject:
    tracking = FakeTracking()
    fake = FakeRegisteredModels(tracking)

    def unanswered() -> RegisteredModels:
        tracking.is_available = False
        return fake

    return Subject(fake, FakePeople(tracking, fake), unanswered)


@pytest.fixture
def name() -> str:
    """A name that no other test uses; the server is shared."""
    return f"name-{uuid4().hex[:12]}"


CALLS: dict[str, Callable[[RegisteredModels], object]] = {
    "page": lambda registered: registered.page(),
    "changed": lambda registered: list(registered.changed_since(0)),
    "model": lambda registered: registered.model("m"),
    "version": lambda registered: registered.version("m", 1),
    "versions": lambda registered: list(registered.versions("m")),
    "tagged": lambda registered: registered.versions_tagged("m", "k", "v"),
    "make": lambda registered: registered.make_model("m"),
    "describe": lambda registered: registered.describe_model("m", "x"),
    "untag": lambda registered: registered.tag_model("m", "k", None),
    "unalias": lambda registered: registered.set_alias("m", "production", None),
    "drop": lambda registered: registered.drop_version("m", 1),
    "drop model": lambda registered: registered.drop_model("m"),
}


class TestReachability:
    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
    def test_every_call_says_when_the_tracker_does_not_answer(
        self, subject: Subject, call: Callable[[RegisteredModels], object]
    ) -> None:
        with pytest.raises(Unavailable) as caught:
            call(subject.unanswered())
        assert caught.value.code == "tracking_unavailable"


class TestModels:
    def test_one_is_made_once_also_by_many_at_once(self, subject: Subject, name: str) -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(subject.registered.make_model, [name] * 4))
        found = subject.registered.model(name)
        assert found is not None
        assert (found.description, found.tags, found.aliases) == ("", {}, {})

    def test_they_are_listed_by_name_page_by_page(self, subject: Subject, name: str) -> None:
        names = [f"{name}-{number}" for number in range(3)]
        for each in reversed(names):
            subject.registered.make_model(each)
        first = subject.registered.page(prefix=name, limit=2)
        second = subject.registered.page(prefix=name, limit=2, cursor=first.next_cursor)
        assert [model.name for model in [*first.models, *second.models]] == names
        assert second.next_cursor is None

    def test_prompts_are_no_models(self, subject: Subject, name: str) -> None:
        subject.people.write_prompt(name)
        assert subject.registered.page(prefix=name).models == []

    def test_the_latest_change_comes_first(self, subject: Subject, name: str) -> None:
        subject.version(f"{name}-old")
        subject.version(f"{name}-new")
        subject.version(f"{name}-old")
        latest = [model.name for model in subject.registered.changed_since(0)]
        assert latest.index(f"{name}-old") < latest.index(f"{name}-new")
        newest = next(subject.registered.changed_since(0))
        assert newest.name == f"{name}-old"
        assert list(subject.registered.changed_since(newest.changed_at + 1)) == []

    def test_description_and_tags_are_written_and_taken_away(self, subject: Subject, name: str) -> None:
        subject.registered.make_model(name)
        subject.registered.describe_model(name, "Irises.")
        for value in ("red", "blue"):
            subject.registered.tag_model(name, "team/a b", value)
        subject.registered.tag_model(name, "gone", "x")
        subject.registered.tag_model(name, "empty", "")
        for _ in range(2):
            subject.registered.tag_model(name, "gone", None)
        found = subject.registered.model(name)
        assert found is not None
        assert (found.description, found.tags) == ("Irises.", {"team/a b": "blue", "empty": ""})
        subject.registered.describe_model(name, "")
        found = subject.registered.model(name)
        assert found is not None
        assert found.description == ""

    def test_one_that_is_dropped_is_gone_and_its_name_counts_from_one_again(self, subject: Subject, name: str) -> None:
        first = subject.version(name)
        for _ in range(2):
            subject.registered.drop_model(name)
        assert subject.registered.model(name) is None
        assert list(subject.registered.versions(name)) == []
        again = subject.version(name)
        assert again.number == first.number
        assert again.made_at > first.made_at

    def test_what_is_not_there_cannot_be_changed(self, subject: Subject, name: str) -> None:
        calls: list[Callable[[], None]] = [
            lambda: subject.registered.describe_model(name, "x"),
            lambda: subject.registered.tag_model(name, "k", "v"),
            lambda: subject.registered.set_alias(name, "production", 1),
        ]
        for call in calls:
            with pytest.raises(NotFound):
                call()
        subject.registered.set_alias(name, "production", None)
        subject.registered.tag_model(name, "k", None)
        subject.registered.tag_version(name, 1, "k", None)
        assert subject.registered.model(name) is None


class TestVersions:
    def test_one_is_made_with_all_that_is_said_of_it(self, subject: Subject, name: str) -> None:
        uri, run_id = subject.people.log()
        subject.registered.make_model(name)
        made = subject.registered.make_version(
            name, model_uri=uri, run_id=run_id, description="A first try.", tags={"team": "red"}
        )
        assert subject.registered.version(name, made.number) == made
        assert (made.number, made.source, made.run_id, made.is_ready) == (1, uri, run_id, True)
        assert (made.description, made.tags, made.stage) == ("A first try.", {"team": "red"}, NO_STAGE)

    def test_one_of_a_logged_model_that_is_gone_is_not_made(self, subject: Subject, name: str) -> None:
        subject.registered.make_model(name)
        with pytest.raises(NotFound):
            subject.registered.make_version(
                name, model_uri="models:/m-" + "0" * 32, run_id=None, description="", tags={}
            )
        assert list(subject.registered.versions(name)) == []

    def test_they_are_listed_by_number_from_behind_one(self, subject: Subject, name: str) -> None:
        made = [subject.version(name) for _ in range(3)]
        assert list(subject.registered.versions(name)) == made
        assert list(subject.registered.versions(name, after=1)) == made[1:]

    def test_they_are_found_by_a_tag(self, subject: Subject, name: str) -> None:
        made = [subject.version(name, tags={"modelyard.version": text}) for text in ("7", "8", "7")]
        assert subject.registered.versions_tagged(name, "modelyard.version", "7") == [made[0], made[2]]

    def test_description_and_tags_are_written_and_taken_away(self, subject: Subject, name: str) -> None:
        number = subject.version(name, tags={"team": "red", "old": "x"}, description="A try.").number
        subject.registered.tag_version(name, number, "team", "blue")
        for _ in range(2):
            subject.registered.tag_version(name, number, "old", None)
        subject.registered.describe_version(name, number, "")
        found = subject.registered.version(name, number)
        assert found is not None
        assert (found.description, found.tags) == ("", {"team": "blue"})

    def test_a_number_that_was_dropped_is_not_used_again(self, subject: Subject, name: str) -> None:
        subject.version(name)
        number = subject.version(name).number
        for _ in range(2):
            subject.registered.drop_version(name, number)
        assert subject.registered.version(name, number) is None
        assert subject.version(name).number == number + 1

    def test_mlflows_own_stage_is_reported_and_left(self, subject: Subject, name: str) -> None:
        number = subject.version(name).number
        subject.people.move(name, number, "Production")
        found = subject.registered.version(name, number)
        assert found is not None
        assert found.stage == "Production"
        subject.registered.leave_stage(name, number)
        found = subject.registered.version(name, number)
        assert found is not None
        assert found.stage == NO_STAGE


class TestAliases:
    def aliases(self, subject: Subject, name: str) -> dict[str, int]:
        found = subject.registered.model(name)
        assert found is not None
        return dict(found.aliases)

    def test_one_is_set_moved_and_taken_away(self, subject: Subject, name: str) -> None:
        for _ in range(2):
            subject.version(name)
        subject.registered.set_alias(name, "production", 1)
        assert self.aliases(subject, name) == {"production": 1}
        subject.registered.set_alias(name, "production", 2)
        subject.registered.set_alias(name, "staging", 1)
        assert self.aliases(subject, name) == {"production": 2, "staging": 1}
        for _ in range(2):
            subject.registered.set_alias(name, "production", None)
        assert self.aliases(subject, name) == {"staging": 1}

    def test_one_goes_with_its_version(self, subject: Subject, name: str) -> None:
        number = subject.version(name).number
        subject.registered.set_alias(name, "staging", number)
        subject.registered.drop_version(name, number)
        assert self.aliases(subject, name) == {}

    def test_one_cannot_point_at_nothing(self, subject: Subject, name: str) -> None:
        subject.registered.make_model(name)
        with pytest.raises(NotFound):
            subject.registered.set_alias(name, "staging", 1)


class TestOrigin:
    def test_the_logged_model_of_a_version_is_found_also_through_copies(self, subject: Subject, name: str) -> None:
        first = subject.version(name)
        for number in (1, 2):
            subject.people.register(name, f"models:/{name}/{number}", first.run_id)
        (_, _, copy) = subject.registered.versions(name)
        assert subject.registered.logged_model(first).uri == first.source
        assert subject.registered.logged_model(copy).uri == first.source

    def test_any_other_source_is_refused(self, subject: Subject, name: str) -> None:
        subject.registered.make_model(name)
        subject.people.register(name, "s3://somebody/elses/model", None)
        (version,) = subject.registered.versions(name)
        with pytest.raises(Invalid) as caught:
            subject.registered.logged_model(version)
        assert caught.value.code == "source_unsupported"
