"""What uv's environments keep beyond the port's contract."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import UvEnvironments
from modelyard.adapters.environments.server_distribution import ServerDistribution, editable_source
from modelyard.adapters.environments.uv_command import Uv, UvFailure, without_places
from modelyard.errors import Invalid, Unavailable
from modelyard.file_lock import open_lock, try_lock
from modelyard.home import Home
from modelyard.ports.environments import Lock, pinned

MakeUv = Callable[[Mapping[str, str]], UvEnvironments]
MakeWheel = Callable[..., Path]


def quiet(line: str) -> None:
    """A log that nobody reads."""


def ensure_in_a_process(environments: UvEnvironments, lock: Lock, reported: "multiprocessing.Queue[str]") -> None:
    environments.ensure(lock, log=reported.put)


@pytest.fixture
def environments(make_uv: MakeUv, uv_settings: dict[str, str]) -> UvEnvironments:
    return make_uv(uv_settings)


class TestUvEnvironments:
    def test_the_packages_of_the_lock_and_no_others_can_be_imported(self, environments: UvEnvironments) -> None:
        environment = environments.ensure(environments.lock(["beta"], log=quiet), log=quiet)

        script = "import alpha, beta, importlib.util as u; print(alpha.VERSION, beta.VERSION, u.find_spec('pip'))"
        assert subprocess.check_output([environment.python, "-c", script], text=True) == "1.0 1.0 None\n"

    def test_a_lock_is_remembered_by_another_process_until_it_is_too_old(
        self, make_uv: MakeUv, uv_settings: dict[str, str], make_wheel: MakeWheel, clock: ManualClock
    ) -> None:
        lock = make_uv(uv_settings).lock(["alpha"], log=quiet)
        make_wheel(name="alpha", version="3.0")

        clock.sleep(24 * 3600 - 1)
        assert make_uv(uv_settings).lock(["alpha"], log=quiet) == lock

        clock.sleep(1)
        assert pinned(make_uv(uv_settings).lock(["alpha"], log=quiet).text) == ("alpha==3.0",)

    def test_the_second_use_of_the_same_requirements_takes_no_time(self, environments: UvEnvironments) -> None:
        environments.ensure(environments.lock(["beta"], server_extras=None, log=quiet), log=quiet)

        started = time.perf_counter()
        environments.ensure(environments.lock(["beta"], log=quiet), log=quiet)

        assert time.perf_counter() - started < 0.2

    def test_another_index_is_asked_anew(self, make_uv: MakeUv, uv_settings: dict[str, str], tmp_path: Path) -> None:
        make_uv(uv_settings).lock(["alpha"], log=quiet)
        (tmp_path / "empty").mkdir()

        with pytest.raises(Invalid, match="alpha"):
            make_uv({**uv_settings, "UV_FIND_LINKS": str(tmp_path / "empty")}).lock(["alpha"], log=quiet)

    def test_a_lock_names_no_folder_and_no_address(self, environments: UvEnvironments, index: Path) -> None:
        text = environments.lock(["beta"], log=quiet).text

        assert str(index) not in text
        assert "://" not in text

    def test_settings_of_a_project_around_the_home_do_not_count(
        self, make_uv: MakeUv, unanswered: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "uv.toml").write_text("no-index = true\n")

        with pytest.raises(Unavailable):
            make_uv(unanswered).lock(["alpha"], log=quiet)

    def test_a_file_that_differs_from_its_hash_is_not_installed(
        self, make_uv: MakeUv, uv_settings: dict[str, str], make_wheel: MakeWheel, tmp_path: Path
    ) -> None:
        lock = make_uv(uv_settings).lock(["alpha"], log=quiet)
        make_wheel(name="alpha", version="2.0", body="raise SystemExit('not what was locked')\n")
        environments = make_uv({**uv_settings, "UV_CACHE_DIR": str(tmp_path / "empty cache")})

        with pytest.raises(Invalid, match=r"[Hh]ash") as caught:
            environments.ensure(lock, log=quiet)

        assert caught.value.code == "environment_build_failed"

    def test_a_build_that_was_killed_is_built_anew(self, environments: UvEnvironments) -> None:
        lock = environments.lock(["alpha"], log=quiet)
        environment = environments.ensure(lock, log=quiet)
        (environment.path / "complete").unlink()
        (environment.path / "left-over").touch()
        environment.python.unlink()

        again = environments.ensure(lock, log=quiet)

        assert subprocess.check_output([again.python, "-c", "import alpha; print(alpha.VERSION)"], text=True) == "2.0\n"
        assert not (again.path / "left-over").exists()

    def test_two_processes_that_want_one_environment_wait_for_one_build(self, environments: UvEnvironments) -> None:
        lock = environments.lock(["beta"], log=quiet)
        processes = multiprocessing.get_context("spawn")
        reported: multiprocessing.Queue[str] = processes.Queue()
        builders = [
            processes.Process(target=ensure_in_a_process, args=(environments, lock, reported)) for _ in range(2)
        ]
        for builder in builders:
            builder.start()
        for builder in builders:
            builder.join(timeout=60)

        assert [builder.exitcode for builder in builders] == [0, 0]
        lines = [reported.get(timeout=5)]
        while not reported.empty():
            lines.append(reported.get())
        assert len([line for line in lines if line.startswith("Installed")]) == 1
        assert environments.ensure(lock, log=pytest.fail).path.is_dir()


class TestUvCommand:
    @pytest.fixture
    def recorder(self, tmp_path: Path) -> Path:
        """A program in uv's place that writes what it was given to a file."""
        program = tmp_path / "uv"
        program.write_text(f"#!/bin/sh\nenv > {tmp_path}/given\nexit 0\n")
        program.chmod(0o700)
        return program

    def test_uv_gets_what_is_meant_for_it_and_nothing_else(
        self, tmp_path: Path, recorder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.adapters.environments.uv_command.find_uv_bin", lambda: str(recorder))
        given = {
            "PATH": "/usr/bin:/bin",
            "UV_DEFAULT_INDEX": "https://index.example/simple",
            "HTTPS_PROXY": "http://proxy.example:3128",
            "SSL_CERT_FILE": "/etc/ssl/example.pem",
            "MODELYARD_DATABASE_URL": "postgresql://user:secret@db.example/modelyard",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "VIRTUAL_ENV": "/somewhere",
        }

        Uv(environment=given, folder=tmp_path).run("pip", "list", log=quiet)

        received = dict(line.split("=", 1) for line in (tmp_path / "given").read_text().splitlines())
        assert {name: received.get(name) for name in list(given)[:4]} == dict(list(given.items())[:4])
        assert not {"MODELYARD_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "VIRTUAL_ENV"} & set(received)

    def test_folders_of_wheels_join_those_that_the_operator_named(
        self, tmp_path: Path, recorder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.adapters.environments.uv_command.find_uv_bin", lambda: str(recorder))

        uv = Uv(environment={"UV_FIND_LINKS": "/wheels/theirs"}, folder=tmp_path)
        uv.run("pip", "list", log=quiet, find_links=[Path("/wheels/ours")])

        assert "UV_FIND_LINKS=/wheels/theirs,/wheels/ours\n" in (tmp_path / "given").read_text()

    def test_a_failure_of_the_network_is_distinguished(self) -> None:
        refused = ["error: Failed to fetch: the package index", "  cause: client error (Connect)"]
        overloaded = ["error: Failed to fetch", "  cause: HTTP status server error (503 Service Unavailable)"]
        unresolved = ["error: No solution found when resolving dependencies", "  cause: Because a needs b, no."]

        assert UvFailure(refused).is_unreachable
        assert UvFailure(refused).reason == "client error (Connect)"
        assert UvFailure(overloaded).is_unreachable
        assert not UvFailure(unresolved).is_unreachable

    def test_the_resolvers_reason_is_one_sentence(self) -> None:
        output = [
            "warning: never mind",
            "error: No solution found when resolving dependencies",
            "  cause: Because a and",
            " b.",
        ]

        assert UvFailure(output).reason == "Because a and b"

    def test_lines_for_the_log_name_no_place_of_ours(self) -> None:
        line = "Failed to fetch https://user:secret@index.example/simple/alpha/ to /home/me/.cache/uv/wheels"

        assert without_places(line) == "Failed to fetch the package index to wheels"
        assert without_places("alpha/beta and 1/2") == "alpha/beta and 1/2"

    def test_a_child_that_outlives_us_keeps_its_lock(self, tmp_path: Path) -> None:
        descriptor = open_lock(tmp_path / "lock")
        assert try_lock(descriptor)
        child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
        os.close(descriptor)
        other = open_lock(tmp_path / "lock")

        assert not try_lock(other)

        child.send_signal(signal.SIGKILL)
        child.wait()
        assert try_lock(other)
        os.close(other)


class TestServerDistribution:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        """A distribution of the model server's name with nothing in it."""
        package = tmp_path / "source" / "src" / "modelyard_serving"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (tmp_path / "source" / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "modelyard-serving"\nversion = "0.1.0"\n'
            '[project.optional-dependencies]\nspeed = ["alpha"]\n'
            '[tool.hatch.build.targets.wheel]\npackages = ["src/modelyard_serving"]\n'
        )
        return tmp_path / "source"

    @pytest.fixture
    def distribution(self, source: Path, home: Home, uv_settings: dict[str, str]) -> ServerDistribution:
        uv = Uv(environment=uv_settings | {"PATH": os.environ["PATH"]}, folder=home.root)
        return ServerDistribution(uv=uv, wheels=home.wheels, scratch=home.scratch, source=source)

    def test_our_own_server_is_an_editable_install_here(self) -> None:
        source = editable_source()

        assert source is not None
        assert (source / "src" / "modelyard_serving").is_dir()
        assert editable_source("pytest") is None
        assert editable_source("no-such-distribution") is None

    def test_a_wheel_is_built_once_for_each_content(
        self, distribution: ServerDistribution, source: Path, home: Home
    ) -> None:
        first = distribution.requirement([], log=quiet)
        assert distribution.requirement([], log=pytest.fail) == first
        (source / "src" / "modelyard_serving" / "more.py").write_text("MORE = True\n")

        second = distribution.requirement([], log=quiet)

        assert first.wheel_folder != second.wheel_folder
        assert len(list(home.wheels.glob("*/*.whl"))) == 2

    def test_an_environment_with_the_server_holds_it_and_its_extras(
        self, environments: UvEnvironments, distribution: ServerDistribution
    ) -> None:
        environments._server = distribution
        lock = environments.lock(["alpha<2"], server_extras=["speed"], log=quiet)

        environment = environments.ensure(lock, log=quiet)

        assert pinned(lock.text) == ("alpha==1.0", "modelyard-serving==0.1.0")
        subprocess.check_call([environment.python, "-c", "import modelyard_serving, alpha"])

    def test_an_environment_gets_the_wheel_that_its_lock_names(
        self, environments: UvEnvironments, distribution: ServerDistribution, source: Path
    ) -> None:
        environments._server = distribution
        lock = environments.lock([], server_extras=[], log=quiet)
        (source / "src" / "modelyard_serving" / "later.py").write_text("")
        distribution.requirement([], log=quiet)

        environment = environments.ensure(lock, log=quiet)

        script = "import importlib.util as u, modelyard_serving; print(u.find_spec('modelyard_serving.later'))"
        assert subprocess.check_output([environment.python, "-c", script], text=True) == "None\n"

    def test_without_sources_it_is_required_from_the_index_in_our_version(self, home: Home) -> None:
        uv = Uv(environment={}, folder=home.root)

        distribution = ServerDistribution(uv=uv, wheels=home.wheels, scratch=home.scratch, source=None)
        found = distribution.requirement(["onnx", "grpc"], log=quiet)

        assert found.requirement == "modelyard-serving[grpc,onnx]==0.1.0"
        assert found.wheel_folder is None


def test_a_digest_is_of_a_text_that_names_the_python_version(environments: UvEnvironments) -> None:
    lock = environments.lock(["alpha"], log=quiet)

    assert lock.text.startswith(f"# python: {sys.version_info.major}.{sys.version_info.minor}\n")
    assert lock.digest == hashlib.sha256(lock.text.encode()).hexdigest()


class TestPythonVersions:
    def test_one_that_is_not_here_is_refused_by_name(self, environments: UvEnvironments) -> None:
        with pytest.raises(Invalid, match=r"got '<3', of which there is none") as caught:
            environments.lock(["alpha"], requires_python="<3", log=quiet)

        assert caught.value.code == "python_unavailable"

    def test_another_one_that_is_here_is_used(
        self, environments: UvEnvironments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        other = tmp_path / "python3.7"  # Any interpreter will do: what it says of itself is what counts.
        other.write_text(
            f'#!/bin/sh\ncase "$*" in *python_version*) echo 3.7.9;; *) exec {sys.executable} "$@";; esac\n'
        )
        other.chmod(0o700)
        monkeypatch.setattr(Uv, "find_python", lambda _, versions: other if versions == "==3.7.*" else None)

        found = environments._pythons.find("==3.7.*")

        assert (found.version, found.path) == ("3.7.9", other)

    def test_a_lock_of_before_they_were_named_is_of_our_own(self, environments: UvEnvironments) -> None:
        text = environments.lock(["alpha"], log=quiet).text.partition("\n")[2]

        environment = environments.ensure(Lock(text=text, digest="0" * 64), log=quiet)

        assert subprocess.check_output([environment.python, "-c", "import alpha; print(1)"], text=True) == "1\n"


class TestHashes:
    def test_a_package_is_locked_with_the_hashes_that_are_demanded_and_no_others(
        self, environments: UvEnvironments, make_wheel: MakeWheel
    ) -> None:
        digest = hashlib.sha256(make_wheel(name="gamma", version="1.0").read_bytes()).hexdigest()
        demanded = f"gamma==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{digest}"

        text = environments.lock([demanded, "alpha"], log=quiet).text

        assert f"gamma==1.0 \\\n    --hash=sha256:{digest}\n" in text
        assert "alpha==2.0" in text
        assert "0" * 64 not in text

    def test_a_package_none_of_whose_files_has_the_hash_is_refused(self, environments: UvEnvironments) -> None:
        with pytest.raises(Invalid, match=r"no file of alpha==2\.0 on the index has a hash that they allow"):
            environments.lock([f"alpha==2.0 --hash=sha256:{'0' * 64}"], log=quiet)

    def test_a_lock_as_constraints_keeps_its_hashes(self, environments: UvEnvironments) -> None:
        held = environments.lock(["alpha"], log=quiet).text
        other = held.replace("--hash=sha256:", "--hash=sha256:f")

        with pytest.raises(Invalid, match="hash"):
            environments.lock(["alpha"], constraints=other, log=quiet)


class TestForgottenRequirements:
    def test_an_old_mlflow_gets_the_module_that_it_imports(
        self, environments: UvEnvironments, make_wheel: MakeWheel
    ) -> None:
        make_wheel(name="mlflow", version="2.9.2")
        make_wheel(name="setuptools", version="80.9.0")
        make_wheel(name="setuptools", version="82.0.0")

        assert pinned(environments.lock(["mlflow==2.9.2"], log=quiet).text) == ("mlflow==2.9.2", "setuptools==80.9.0")

    def test_a_new_one_gets_nothing_more(self, environments: UvEnvironments, make_wheel: MakeWheel) -> None:
        make_wheel(name="mlflow", version="3.17.2")

        assert pinned(environments.lock(["mlflow"], log=quiet).text) == ("mlflow==3.17.2",)


class TestContradictions:
    def test_requirements_that_contradict_each_other_are_named(self, environments: UvEnvironments) -> None:
        with pytest.raises(Invalid, match=r"alpha==1\.0 and alpha==2\.0") as caught:
            environments.lock(["alpha==1.0", "alpha==2.0"], log=quiet)

        assert len(caught.value.message) < 300
