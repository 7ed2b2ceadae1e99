"""What every adapter of `Environments` keeps."""

import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelyard.adapters.environments import FakeEnvironments, UvEnvironments
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.environments import Environments, pinned


def quiet(line: str) -> None:
    """A log that nobody reads."""


@dataclass(frozen=True)
class Subject:
    """An adapter under test, and what a test does to the world around it."""

    environments: Environments
    offline: Callable[[], Environments]
    """The same environments, from now on without a package index that answers."""
    withdraw: Callable[[str], Environments]
    """The same environments, from now on with a package that can no longer be installed."""


@pytest.fixture(params=["uv", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each adapter in turn."""
    made: Subject = request.getfixturevalue(f"{request.param}_subject")
    return made


@pytest.fixture
def uv_subject(
    make_uv: Callable[[Mapping[str, str]], UvEnvironments],
    uv_settings: dict[str, str],
    index: Path,
    unanswered: dict[str, str],
) -> Subject:
    def withdraw(name: str) -> Environments:
        for wheel in index.glob(f"{name}-*.whl"):
            wheel.unlink()
        return make_uv(uv_settings)

    return Subject(environments=make_uv(uv_settings), offline=lambda: make_uv(unanswered), withdraw=withdraw)


@pytest.fixture
def fake_subject(tmp_path: Path) -> Subject:
    index = {"alpha": ["1.0", "2.0"], "beta": ["1.0"]}
    fake = FakeEnvironments(tmp_path / "environments", index=index)

    def offline() -> Environments:
        fake.is_index_reachable = False
        return fake

    def withdraw(name: str) -> Environments:
        return FakeEnvironments(tmp_path / "environments", index=index, unbuildable=[name])

    return Subject(environments=fake, offline=offline, withdraw=withdraw)


class TestEnvironments:
    def test_requirements_are_locked_to_exact_versions_with_hashes(self, subject: Subject) -> None:
        lock = subject.environments.lock(["alpha"], log=quiet)

        assert pinned(lock.text) == ("alpha==2.0",)
        assert "--hash=sha256:" in lock.text

    def test_the_same_requirements_give_the_same_lock(self, subject: Subject) -> None:
        first = subject.environments.lock(["alpha"], log=quiet)

        assert subject.environments.lock(["alpha"], log=quiet) == first

    def test_other_requirements_give_another_digest(self, subject: Subject) -> None:
        first = subject.environments.lock(["alpha"], log=quiet)
        second = subject.environments.lock(["alpha<2"], log=quiet)

        assert first.digest != second.digest

    def test_a_lock_as_constraints_keeps_its_versions(self, subject: Subject) -> None:
        old = subject.environments.lock(["alpha<2"], log=quiet)

        lock = subject.environments.lock(["alpha"], constraints=old.text, log=quiet)

        assert pinned(lock.text) == ("alpha==1.0",)

    def test_constraints_add_no_package(self, subject: Subject) -> None:
        both = subject.environments.lock(["alpha<2", "beta"], log=quiet)

        lock = subject.environments.lock(["alpha"], constraints=both.text, log=quiet)

        assert pinned(lock.text) == ("alpha==1.0",)

    def test_a_version_that_does_not_exist_is_reported_in_one_sentence(self, subject: Subject) -> None:
        with pytest.raises(Invalid) as caught:
            subject.environments.lock(["alpha==9.9"], log=quiet)

        assert caught.value.code == "requirements_unresolvable"
        assert caught.value.field == "requirements"
        assert "there is no version of alpha==9.9" in caught.value.message
        assert "\n" not in caught.value.message

    def test_a_package_that_does_not_exist_is_named(self, subject: Subject) -> None:
        with pytest.raises(Invalid, match="zeta") as caught:
            subject.environments.lock(["zeta"], log=quiet)

        assert caught.value.code == "requirements_unresolvable"

    def test_an_index_that_does_not_answer_makes_locking_unavailable(self, subject: Subject) -> None:
        offline = subject.offline()

        with pytest.raises(Unavailable) as caught:
            offline.lock(["alpha"], log=quiet)

        assert caught.value.code == "package_index_unavailable"

    def test_an_index_that_does_not_answer_makes_building_unavailable(self, subject: Subject) -> None:
        lock = subject.environments.lock(["alpha"], log=quiet)

        with pytest.raises(Unavailable):
            subject.offline().ensure(lock, log=quiet)

    def test_an_environment_that_is_there_needs_no_index(self, subject: Subject) -> None:
        lock = subject.environments.lock(["alpha"], log=quiet)
        environment = subject.environments.ensure(lock, log=quiet)

        assert subject.offline().ensure(lock, log=quiet) == environment

    def test_a_package_that_does_not_install_is_named(self, subject: Subject) -> None:
        lock = subject.environments.lock(["alpha"], log=quiet)

        with pytest.raises(Invalid, match=r"alpha==2\.0") as caught:
            subject.withdraw("alpha").ensure(lock, log=quiet)

        assert caught.value.code == "environment_build_failed"

    def test_an_environment_has_a_python_that_runs(self, subject: Subject) -> None:
        lock = subject.environments.lock(["alpha"], log=quiet)

        environment = subject.environments.ensure(lock, log=quiet)

        assert environment.digest == lock.digest
        assert environment.path.is_dir()
        assert subprocess.check_output([environment.python, "-c", "print(6 * 7)"], text=True) == "42\n"

    def test_many_that_want_one_environment_get_the_same(self, subject: Subject) -> None:
        lock = subject.environments.lock(["alpha"], log=quiet)
        built: list[str] = []

        with ThreadPoolExecutor(8) as threads:
            calls = [threads.submit(subject.environments.ensure, lock, log=built.append) for _ in range(8)]
            environments = [call.result() for call in calls]

        assert len({environment.path for environment in environments}) == 1
        assert len([line for line in built if line.startswith("Installed")]) == 1
