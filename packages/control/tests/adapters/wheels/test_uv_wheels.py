"""The wheels of a lock, found by the real uv in a folder that stands for the index, and fetched over HTTP too."""

import base64
import hashlib
import io
import shutil
import tarfile
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from oci_parts import make_wheel

from modelyard.adapters.wheels import UvWheels
from modelyard.errors import Invalid, Unavailable
from modelyard.home import Home
from modelyard.oci.content import Platform
from modelyard.oci.wheels.target import WheelTarget

TARGET = WheelTarget(Platform("amd64"), glibc="2.31", python="3.11")


def quiet(line: str) -> None:
    """A log that nobody reads."""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(index: Path, tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "uv.toml"
    config.write_text("no-index = true\n")
    return {"UV_CONFIG_FILE": str(config), "UV_FIND_LINKS": str(index), "UV_CACHE_DIR": str(tmp_path / "cache")}


def source(tmp_path: Path, settings: Mapping[str, str]) -> UvWheels:
    return UvWheels(home=Home(tmp_path / "home"), folder=tmp_path / "fetched", environment=settings)


def locked(*files: Path) -> str:
    lines: dict[str, list[str]] = {}
    for file in files:
        name, version = file.name.removesuffix(".tar.gz").split("-")[:2]
        lines.setdefault(f"{name}=={version}", []).append(hashlib.sha256(file.read_bytes()).hexdigest())
    pins = (f"{pin} " + " ".join(f"--hash=sha256:{each}" for each in hashes) for pin, hashes in lines.items())
    return "# python: 3.11\n" + "".join(f"{pin}\n" for pin in pins)


def make_sdist(folder: Path, name: str) -> Path:
    path = folder / f"{name}-1.0.tar.gz"
    metadata = f"Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n".encode()
    with tarfile.open(path, "w:gz") as archive:
        for file, content in (("PKG-INFO", metadata), ("setup.py", b"raise SystemExit('built')\n")):
            member = tarfile.TarInfo(f"{name}-1.0/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def as_platform(wheel: Path, tag: str) -> Path:
    """The same wheel, with another content, for another platform."""
    place = wheel.with_name(wheel.name.replace("py3-none-any", tag))
    shutil.copyfile(wheel, place)
    with place.open("ab") as file:
        file.write(tag.encode())  # Behind the archive, where nobody looks.
    return place


class TestFinding:
    def test_the_wheels_of_a_lock_are_fetched_once(self, tmp_path: Path, index: Path, settings: dict[str, str]) -> None:
        wheels = [make_wheel(index, "apple").path, make_wheel(index, "pear").path]
        lines: list[str] = []
        found = source(tmp_path, settings).wheels(locked(*wheels), TARGET, log=lines.append)
        assert [(wheel.name, wheel.version, wheel.path.name) for wheel in found] == [
            ("apple", "1.0", "apple-1.0-py3-none-any.whl"),
            ("pear", "1.0", "pear-1.0-py3-none-any.whl"),
        ]
        assert [wheel.path.read_bytes() for wheel in found] == [wheel.read_bytes() for wheel in wheels]
        assert [line for line in lines if line.startswith("fetching")] == [
            "fetching apple-1.0-py3-none-any.whl",
            "fetching pear-1.0-py3-none-any.whl",
        ]
        lines.clear()
        assert source(tmp_path, settings).wheels(locked(*wheels), TARGET, log=lines.append) == found
        assert not [line for line in lines if line.startswith("fetching")]

    def test_those_of_a_lock_that_was_met_before_need_no_index(
        self, tmp_path: Path, index: Path, settings: dict[str, str]
    ) -> None:
        lock = locked(make_wheel(index, "apple").path)
        found = source(tmp_path, settings).wheels(lock, TARGET, log=quiet)
        shutil.rmtree(index)
        assert source(tmp_path, settings).wheels(lock, TARGET, log=quiet) == found
        newer = WheelTarget(TARGET.platform, glibc="2.36", python="3.11")
        with pytest.raises((Invalid, Unavailable)):
            source(tmp_path, settings).wheels(lock, newer, log=quiet)

    def test_one_that_is_gone_is_fetched_again(self, tmp_path: Path, index: Path, settings: dict[str, str]) -> None:
        lock = locked(make_wheel(index, "apple").path)
        (found,) = source(tmp_path, settings).wheels(lock, TARGET, log=quiet)
        found.path.unlink()
        assert source(tmp_path, settings).wheels(lock, TARGET, log=quiet) == [found]
        assert found.path.exists()

    def test_of_several_the_one_that_the_base_runs_is_taken(
        self, tmp_path: Path, index: Path, settings: dict[str, str]
    ) -> None:
        pure = make_wheel(index, "apple").path
        tags = ("cp311-cp311-manylinux_2_34_x86_64", "cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-win_amd64")
        newer, fitting, windows = (as_platform(pure, tag) for tag in tags)
        every = locked(pure, newer, fitting, windows)
        (found,) = source(tmp_path, settings).wheels(every, TARGET, log=quiet)
        assert found.path.name == fitting.name
        (found,) = source(tmp_path, settings).wheels(locked(pure, newer), TARGET, log=quiet)
        assert found.path.name == pure.name

    def test_a_package_that_comes_as_source_only_is_refused_before_anything_is_fetched(
        self, tmp_path: Path, index: Path, settings: dict[str, str]
    ) -> None:
        lock = locked(make_wheel(index, "apple").path, make_sdist(index, "gamma"))
        with pytest.raises(Invalid, match=r"gamma==1\.0.*UV_FIND_LINKS") as refused:
            source(tmp_path, settings).wheels(lock, TARGET, log=quiet)
        assert (refused.value.code, refused.value.field) == ("wheel_missing", "requirements")
        assert list((tmp_path / "fetched").iterdir()) == []

    def test_all_packages_that_the_base_cannot_run_are_named(
        self, tmp_path: Path, index: Path, settings: dict[str, str]
    ) -> None:
        newer = [as_platform(make_wheel(index, name).path, "cp311-cp311-manylinux_2_34_x86_64") for name in ("a", "b")]
        with pytest.raises(Invalid, match=r"a==1\.0, b==1\.0: no wheel .* C library 2\.31 and Python 3\.11"):
            source(tmp_path, settings).wheels(locked(*newer), TARGET, log=quiet)

    def test_a_file_that_changes_on_its_way_is_refused(
        self, tmp_path: Path, index: Path, settings: dict[str, str]
    ) -> None:
        wheel = make_wheel(index, "apple").path
        lock = locked(wheel)
        wheel.write_bytes(wheel.read_bytes() + b"x")
        with pytest.raises(Invalid) as refused:
            source(tmp_path, settings).wheels(lock, TARGET, log=quiet)
        assert refused.value.code in {"wheel_missing", "wheel_changed"}
        assert list((tmp_path / "fetched").iterdir()) == []


class TestIndexes:
    @pytest.fixture
    def seen(self) -> list[str | None]:
        return []

    @pytest.fixture
    def address(self, index: Path, seen: list[str | None]) -> Iterator[str]:
        class Guarded(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.headers.get("Authorization"))
                if seen[-1] is None:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="index"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Guarded, directory=str(index)))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()

    def test_the_credentials_of_an_index_go_to_it_with_each_file(
        self, tmp_path: Path, index: Path, settings: dict[str, str], address: str, seen: list[str | None]
    ) -> None:
        wheel = make_wheel(index, "apple").path
        (index / "apple").mkdir()
        shutil.copyfile(wheel, index / "apple" / wheel.name)
        (index / "apple/index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
        operators = {"UV_DEFAULT_INDEX": f"http://alice:secret@{address}", "UV_CACHE_DIR": settings["UV_CACHE_DIR"]}
        (found,) = source(tmp_path, operators).wheels(locked(wheel), TARGET, log=quiet)
        assert found.path.read_bytes() == wheel.read_bytes()
        basic = "Basic " + base64.b64encode(b"alice:secret").decode()
        assert set(seen) == {basic} or set(seen) == {None, basic}

    def test_an_index_that_is_away_is_unavailable(self, tmp_path: Path, index: Path) -> None:
        lock = locked(make_wheel(index, "apple").path)
        away = {"UV_DEFAULT_INDEX": "http://127.0.0.1:1", "UV_CACHE_DIR": str(tmp_path / "c"), "UV_HTTP_RETRIES": "0"}
        with pytest.raises(Unavailable):
            source(tmp_path, away).wheels(lock, TARGET, log=quiet)
