"""Images of versions beside `docker build` and `docker push` of an equal Dockerfile: the same base, packages and model.

    python -m benchmarks.images ROOT [--rounds 5] [--write]

ROOT is a root file system with Python 3.11: debootstrap --variant=minbase --include=python3,python3-venv bookworm ROOT.
It needs root and Debian's docker.io and docker-registry. Both sides have their environment cached, as for a new version
of a model that is served already; they are measured in turns. Writes docs/benchmarks/images.md with `--write`.
"""

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from benchmarks.images.engines import docker, registry, run
from rich.console import Console

from modelyard.adapters.environments.server_distribution import ServerDistribution, editable_source
from modelyard.adapters.environments.uv_command import Uv
from modelyard.adapters.wheels.uv import UvWheels
from modelyard.home import Home
from modelyard.oci.base.bases import open_base
from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.bundle_layers import Sink, read_bundle
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import blob_uploads, push_image
from modelyard.oci.registry.streaming import streamed
from modelyard.oci.registry.transport import RegistryAccess
from modelyard.oci.wheels.target import WheelTarget

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "images.md"
MEBIBYTE = 1024 * 1024
SIZES = {"a model of 1 MiB": MEBIBYTE, "a model of 200 MiB": 200 * MEBIBYTE}
_EXTRAS = ("grpc", "onnx", "sklearn")
_DOCKERFILE = """\
FROM base
COPY requirements.txt /tmp/
COPY wheels /tmp/wheels
RUN python3 -m venv /opt/modelyard && \\
    /opt/modelyard/bin/pip install --no-index --find-links /tmp/wheels --no-deps -r /tmp/requirements.txt
COPY bundle /model
USER 65532
ENTRYPOINT ["/opt/modelyard/bin/modelyard-serve", "/model", "--host", "0.0.0.0"]
"""
_PEAK = r"""
import re, sys
from pathlib import Path
from benchmarks.images.__main__ import Ours
ours = Ours(Path(sys.argv[1]))
ours.image(Path(sys.argv[2]), "peak")
print(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])
"""
_PAGE = """\
# The benchmark of images

A new version of a model becomes an image at a registry: by the control plane's writer, and by `docker build` and
`docker push` of an equal Dockerfile. The root file system, the wheels and the bundle are the same; the environment is
cached on both sides; they are measured in turns, after `sync`. Written by `python -m benchmarks.images ROOT --write`.

{machine}; Docker {docker} with overlay2, Debian's docker-registry on loopback. Medians.

| | ours, s | docker, s | ours / docker (0.1 owed) |
|---|---:|---:|---:|
{rows}
| the first image, with its environment | {first:.1f} | {first_docker:.1f} | {ratio:.2f} |

The first image of ours includes that the wheels are fetched from the package index; Docker's has them in a folder.

A large model is mostly bytes, which both sides hash, write and send; what the registry itself takes to receive 200 MiB
is a good part of our time, and the same for both. The load average of the machine was {load} at the end: above 1, other
programs ran beside it, and the times say less.
"""
console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds of each round."""

    ours: Sequence[float]
    dockers: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.ours, self.dockers, strict=True))


class Ours:
    """What the control plane does for a version: find the wheels, build the image, push it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.make()
        self.layout = Layout(self.home.images)
        self.wheels = UvWheels(home=self.home, folder=self.home.wheelhouse, environment=os.environ)
        self._lock = folder / "requirements.txt"
        self._builder = ImageBuilder(self.layout, require_space=lambda _: None)

    def import_base(self, root: Path) -> None:
        """Take the root file system as the base."""
        import_root_file_system(root, self.layout, name="base")

    def image(self, bundle: Path, name: str, *, repository: Repository | None = None) -> object:
        """Build the image of a bundle, whose large layers a repository gets meanwhile."""
        base = open_base(self.layout, self.layout.find("base"))
        target = WheelTarget(base.config.platform, glibc=base.facts.glibc, python="3.11")
        wheels = self.wheels.wheels(self._lock.read_text(), target, log=_quiet)
        content = read_bundle(bundle)
        with self._sink(repository) as sink:
            return self._builder.build(
                name=name,
                base=base,
                python="3.11",
                wheels=wheels,
                bundle=content,
                metadata=ImageMetadata(),
                sink=sink,
                log=_quiet,
            )

    @contextmanager
    def _sink(self, repository: Repository | None) -> Iterator[Sink]:
        if repository is None:
            yield nullcontext
            return
        with Registry(repository.host, RegistryAccess()) as opened:
            uploads = blob_uploads(self.layout, opened, repository)
            yield lambda writer: streamed(writer, uploads, log=_quiet)

    def push(self, name: str, repository: Repository) -> None:
        """Push it."""
        with Registry(repository.host, RegistryAccess()) as opened:
            push_image(self.layout, self.layout.find(name), repository.tagged(name), opened)


def main() -> None:
    """Prepare, measure in turns, print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="modelyard-images-") as made:
        folder = Path(made)
        with registry(folder / "registry") as host, docker(folder / "docker") as engine:
            page = _measure(folder, options.root, Repository(host, "ours"), f"{host}/docker", engine, options.rounds)
        page += _memory(folder)
    sys.stdout.write(page)
    if options.write:
        PAGE.write_text(page)


def _measure(
    folder: Path, root: Path, repository: Repository, tagged: str, engine: Callable[..., str], rounds: int
) -> str:
    ours, context = Ours(folder), folder / "context"
    context.mkdir()
    _lock(ours.home, folder / "requirements.txt")
    with _step("ours: base and environment"):
        ours.import_base(root)
        first = _timed(lambda: _ours(ours, _bundle(context, "first", MEBIBYTE), "first", repository))
    with _step("docker: base and environment"):
        run("tar", "-C", str(root), "-cf", str(folder / "base.tar"), ".")
        engine("import", str(folder / "base.tar"), "base")
        (context / "wheels").mkdir()
        for wheel in ours.home.wheelhouse.glob("*/*.whl"):
            (context / "wheels" / wheel.name).hardlink_to(wheel)
        (context / "requirements.txt").write_text((folder / "requirements.txt").read_text())
        (context / "Dockerfile").write_text(_DOCKERFILE)
        first_docker = _timed(lambda: _docker(engine, context, f"{tagged}:first"))
    results = {}
    for label, size in SIZES.items():
        rounds_of = [_round(ours, engine, context, repository, tagged, size, number) for number in range(rounds)]
        mine, theirs = zip(*rounds_of, strict=True)
        results[label] = Result(mine, theirs)
    return _page(results, first, first_docker)


def _round(
    ours: Ours,
    engine: Callable[..., str],
    context: Path,
    repository: Repository,
    tagged: str,
    size: int,
    number: int,
) -> tuple[float, float]:
    """Seconds of both sides for the same new model, each first in every other round."""
    name = f"{size}-{number}"
    bundle = _bundle(context, name, size)
    seconds = {}
    for side in ("ours", "docker") if number % 2 else ("docker", "ours"):
        if side == "ours":
            seconds[side] = _timed(lambda: _ours(ours, bundle, name, repository))
        else:
            seconds[side] = _timed(lambda: _docker(engine, context, f"{tagged}:{name}"))
    console.print(f"{size // MEBIBYTE} MiB, round {number + 1}: {seconds}")
    return seconds["ours"], seconds["docker"]


def _ours(ours: Ours, bundle: Path, name: str, repository: Repository) -> None:
    ours.image(bundle, name, repository=repository)
    ours.push(name, repository)


def _docker(engine: Callable[..., str], context: Path, reference: str) -> None:
    engine("build", "--network", "none", "--quiet", "--tag", reference, str(context))
    engine("push", "--quiet", reference)


def _memory(folder: Path) -> str:
    """The peak of a process that builds the image of a model of 2 GiB."""
    with _step("a model of 2 GiB"):
        bundle = _bundle(folder / "context", "peak", 2048 * MEBIBYTE)
        kibibytes = run(sys.executable, "-c", _PEAK, str(folder), str(bundle))
    peak = int(kibibytes) // 1024
    return (
        f"\nA process that builds the image of a model of 2 GiB has at most {peak} MiB of resident memory (200 owed).\n"
    )


def _lock(home: Home, place: Path) -> None:
    uv = Uv(environment=os.environ, folder=home.environments)
    server = ServerDistribution(uv=uv, wheels=home.wheels, scratch=home.scratch, source=editable_source())
    wanted = server.requirement(_EXTRAS, log=_quiet)
    asked = place.with_suffix(".in")
    asked.write_text(wanted.requirement)
    links = [wanted.wheel_folder] if wanted.wheel_folder else []
    options = ["--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
    options += ["--python", sys.executable, "--python-version", "3.11", "--output-file", str(place)]
    uv.run("pip", "compile", *options, str(asked), log=_quiet, find_links=links)


def _bundle(context: Path, version: str, size: int) -> Path:
    """A bundle whose model nobody has seen before, where the Dockerfile takes it from."""
    bundle = context / "bundle"
    (bundle / "model").mkdir(parents=True, exist_ok=True)
    with (bundle / "model" / "model.bin").open("wb") as file:
        for _ in range(size // MEBIBYTE):
            file.write(os.urandom(MEBIBYTE))
    description = {
        "schema": "modelyard.bundle/1",
        "model": {"name": "my_model", "version": version, "run_id": "r", "mlflow_uri": "models:/m"},
        "runtime": "sklearn",
        "source": "model",
        "created_at": "2026-01-01T00:00:00+00:00",
    }
    (bundle / "bundle.json").write_text(json.dumps(description))
    (bundle / "requirements.txt").write_text("# python: 3.11\n")
    listed = {
        str(path.relative_to(bundle)): {"sha256": _sha256(path), "size": path.stat().st_size}
        for path in sorted(bundle.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    (bundle / "manifest.json").write_text(json.dumps({"algorithm": "sha256", "files": listed}))
    return bundle


def _sha256(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(MEBIBYTE):
            digest.update(chunk)
    return digest.hexdigest()


def _timed(work: Callable[[], object]) -> float:
    os.sync()
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _page(results: dict[str, Result], first: float, first_docker: float) -> str:
    rows = [
        f"| {label} | {statistics.median(one.ours):.2f} | {statistics.median(one.dockers):.2f} | {one.ratio:.3f} |"
        for label, one in results.items()
    ]
    version = re.search(r"version ([0-9.]+)", run("docker", "--version"))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return _PAGE.format(
        machine=machine,
        docker=version[1] if version else "?",
        rows="\n".join(rows),
        first=first,
        first_docker=first_docker,
        load=f"{os.getloadavg()[0]:.0f}",
        ratio=first / first_docker,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


class _step:  # noqa: N801
    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        console.print(f"{self._what}: {time.monotonic() - self._began:.1f} s")


def _quiet(line: str) -> None:
    """A log that nobody reads."""


if __name__ == "__main__":
    main()
