"""The files of versions over HTTP: named by role, delivered as they were registered or not at all."""

import io
import tarfile
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest
from access_platform import Platform
from httpx import Client

from modelyard.registry.artifact_roles import Role, role_of
from modelyard.registry.domain import FileEntry, Manifest
from modelyard.registry.tar_stream import tar_size

FILES = {
    "MLmodel": b"flavors: {}\n",
    "config.json": b"{}",
    "metrics.json": b"{}",
    "model.pkl": bytes(range(256)) * 20,
    "preprocessor.pkl": b"scale",
    "requirements.txt": b"scikit-learn==1.5.0\n",
    f"data/{'long-' * 40}\N{SNOWMAN} name#1?.bin": b"odd",
}
ROOT = "/api/v1/ml/registry/models/kept/versions/1/artifacts"


class TestRoles:
    @pytest.mark.parametrize(
        ("path", "role"),
        [
            ("model.pkl", Role.MODEL),
            ("data/model.pth", Role.MODEL),
            ("model.json", Role.MODEL),
            ("weights/encoder.ONNX", Role.MODEL),
            ("preprocessor.pkl", Role.PREPROCESSOR),
            ("pre_processor.v2.joblib", Role.PREPROCESSOR),
            ("config.json", Role.CONFIG),
            ("metrics.json", Role.METRICS),
            ("requirements.txt", Role.REQUIREMENTS),
            ("MLmodel", Role.DESCRIPTION),
            ("conda.yaml", Role.ENVIRONMENT),
            ("input_example.json", Role.EXAMPLE),
            ("code/model.pkl", Role.CODE),
            ("preprocessor.py", Role.CODE),
            ("vocabulary.txt", Role.OTHER),
        ],
    )
    def test_a_files_name_tells_what_it_is_for(self, path: str, role: Role) -> None:
        assert role_of(path) is role


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("artifacts") / "home") as platform:
        yield platform


def kept_files(platform: Platform, name: str) -> str:
    """Registers a version of these files; gives their address in the store."""
    run_id = platform.tracking.log_run("iris")
    uri = platform.tracking.log_model(run_id, "model", FILES).uri
    made = platform.operator.post("/api/v1/ml/registry/models", json={"name": name, "artifact_id": run_id})
    assert made.status_code == 201, made.text
    return uri


@pytest.fixture(scope="module", autouse=True)
def kept(platform: Platform) -> str:
    return kept_files(platform, "kept")


@pytest.fixture
def owner(platform: Platform) -> Client:
    return platform.operator


@pytest.fixture
def nothing_stays(platform: Platform, until: Callable[[Callable[[], object]], None]) -> Iterator[None]:
    """What was fetched to be sent is gone soon after."""
    yield
    folder = platform.control._settings.storage.places.root / "scratch"
    until(lambda: not any(path.name.startswith("artifacts-") for path in folder.iterdir()))


class TestList:
    def test_every_file_has_its_role_size_and_hash(self, owner: Client) -> None:
        listed = owner.get(ROOT).json()
        assert {each["path"]: each["role"] for each in listed["artifacts"]}.items() >= {
            "model.pkl": "model",
            "preprocessor.pkl": "preprocessor",
            "config.json": "config",
            "metrics.json": "metrics",
            "requirements.txt": "requirements",
        }.items()
        for each in listed["artifacts"]:
            content = FILES[each["path"]]
            assert (each["size_bytes"], each["sha256"]) == (len(content), sha256(content).hexdigest())
        assert listed["size_bytes"] == sum(map(len, FILES.values()))


@pytest.mark.usefixtures("nothing_stays")
class TestOneFile:
    @pytest.mark.parametrize("path", FILES)
    def test_it_comes_as_it_was_registered(self, owner: Client, path: str) -> None:
        answer = owner.get(f"{ROOT}/file", params={"path": path})
        assert (answer.status_code, answer.content) == (200, FILES[path])
        assert answer.headers["etag"] == f'"{sha256(FILES[path]).hexdigest()}"'
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")

    def test_a_part_of_it_can_be_asked_for(self, owner: Client) -> None:
        etag = owner.get(f"{ROOT}/file", params={"path": "model.pkl"}).headers["etag"]
        for condition, status, content in ((etag, 206, FILES["model.pkl"][5:10]), ('"other"', 200, FILES["model.pkl"])):
            part = owner.get(
                f"{ROOT}/file", params={"path": "model.pkl"}, headers={"Range": "bytes=5-9", "If-Range": condition}
            )
            assert (part.status_code, part.content) == (status, content)

    @pytest.mark.parametrize("part", ["bytes=999999-", "bytes=x", "lines=1-2"])
    def test_a_part_that_it_does_not_have_is_refused_as_any_bad_request(self, owner: Client, part: str) -> None:
        answer = owner.get(f"{ROOT}/file", params={"path": "model.pkl"}, headers={"Range": part})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "range_invalid", "Range")

    def test_who_has_it_is_not_sent_it_again(self, owner: Client) -> None:
        etag = owner.get(f"{ROOT}/file", params={"path": "MLmodel"}).headers["etag"]
        again = owner.get(f"{ROOT}/file", params={"path": "MLmodel"}, headers={"If-None-Match": f'"x", W/{etag}'})
        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize("path", ["../MLmodel", "/etc/passwd", "./MLmodel", "mlmodel", "data", "data/..//MLmodel"])
    def test_a_path_that_the_manifest_does_not_name_is_none(self, owner: Client, path: str) -> None:
        answer = owner.get(f"{ROOT}/file", params={"path": path})
        assert (answer.status_code, answer.json()["code"]) == (404, "artifact_not_found")

    def test_other_bytes_than_the_registered_are_never_delivered(self, owner: Client, platform: Platform) -> None:
        uri = kept_files(platform, "spoilt")
        platform.tracking.change_file(uri, "model.pkl", b"\xff" + FILES["model.pkl"][1:])
        spoilt = ROOT.replace("kept", "spoilt")
        for address in (f"{spoilt}/file?path=model.pkl", f"{spoilt}/archive"):
            answer = owner.get(address)
            assert (answer.status_code, answer.json()["code"]) == (409, "artifact_changed")
            assert "model.pkl" in answer.json()["error"]
        assert owner.get(f"{spoilt}/file?path=MLmodel").content == FILES["MLmodel"]


@pytest.mark.usefixtures("nothing_stays")
class TestArchive:
    def test_it_holds_every_file_and_is_the_same_each_time(self, owner: Client) -> None:
        first, second = owner.get(f"{ROOT}/archive"), owner.get(f"{ROOT}/archive")
        assert first.content == second.content
        assert int(first.headers["content-length"]) == len(first.content)
        with tarfile.open(fileobj=io.BytesIO(first.content)) as archive:
            found = {member.name: archive.extractfile(member) for member in archive}
            assert {name: file.read() for name, file in found.items() if file is not None} == FILES

    def test_who_has_it_is_not_sent_it_again(self, owner: Client) -> None:
        etag = owner.get(f"{ROOT}/archive").headers["etag"]
        assert owner.get(f"{ROOT}/archive", headers={"If-None-Match": etag}).status_code == 304

    def test_its_size_is_given_for_files_that_are_too_large_for_old_archives(self) -> None:
        manifest = Manifest((FileEntry("a", "0" * 64, 9 * 1024**3),))
        assert tar_size(manifest) == 9 * 1024**3 + 512 * 3 + 1024
