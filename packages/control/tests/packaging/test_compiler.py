"""A trial of a translation: bounded, read with suspicion, and never the reason why a version is not built."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.runner import FakeEnd, FakeRunner
from modelyard.packaging.compilation import SCHEMA
from modelyard.packaging.compiler import COMPILED_FILES, TrialCompiler
from modelyard.packaging.service import PackagingService
from modelyard.ports.environments import pinned
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService

WITH_EXAMPLE = {
    "MLmodel": b"flavors: {sklearn: {pickled_model: model.pkl}}\n"
    b"saved_input_example_info: {artifact_path: input_example.json}\n",
    "input_example.json": b'{"inputs": [[1.0]]}',
}
ACCEPTED = {
    "schema": SCHEMA,
    "accepted": True,
    "computes_in": "float64",
    "reasons": [],
    "rows": {"example": 5, "sampled": 400},
    "speed": [{"rows": 1, "speed_up": 40.5}],
}
REFUSED = ACCEPTED | {"accepted": False, "reasons": ["float64: not faster"]}
LIMITS = Limits(seconds=60, memory_bytes=1 << 30, output_bytes=1 << 20, disk_bytes=1 << 30)

Script = Callable[[RunSpec], RunOutcome | FakeEnd | None]


def trial(
    report: Any, *, exit_code: int, files: Mapping[str, bytes] = dict.fromkeys(COMPILED_FILES, b"graph")
) -> Script:
    """A run that leaves this report and these files."""

    def run(_: RunSpec) -> FakeEnd:
        reported = report if isinstance(report, str) else json.dumps(report)
        compiled = {f"compiled/compiled/{name}": content for name, content in files.items()}
        outcome = RunOutcome(RunPhase.FINISHED, exit_code=exit_code)
        return FakeEnd(outcome, files={"report.json": reported.encode(), **compiled})

    return run


@pytest.fixture
def candidate(registry: RegistryService, alice: Principal, log_model: Callable[..., LoggedModel]) -> Version:
    """A version with an example, so that there is something to try a translation on."""
    return registry.register(alice, model_name="iris", logged=log_model(files=WITH_EXAMPLE))


@pytest.fixture
def build(
    packaging: PackagingService, environments: FakeEnvironments, clock: ManualClock, candidate: Version
) -> Callable[[FakeRunner], Any]:
    """Packages the candidate, its trial being what the runner's script makes of it."""

    def run(runner: FakeRunner) -> Any:
        packaging._compiler = TrialCompiler(environments=environments, runner=runner, clock=clock, limits=LIMITS)
        return packaging.build(candidate, log=lambda _: None)

    return run


class TestAccepted:
    def test_the_bundle_holds_the_translation_and_of_the_model_only_what_describes_it(
        self, build: Callable[[FakeRunner], Any]
    ) -> None:
        bundle = build(FakeRunner(trial(ACCEPTED, exit_code=0)))

        described = json.loads((bundle.path / "bundle.json").read_text())
        files = {path.relative_to(bundle.path).as_posix() for path in bundle.path.rglob("*") if path.is_file()}
        assert (described["runtime"], described["source"], bundle.is_compiled) == ("onnx", "compiled", True)
        assert files == {
            *("bundle.json", "manifest.json", "requirements.txt", "example.json", "model/MLmodel"),
            *(f"compiled/{name}" for name in COMPILED_FILES),
        }

    def test_its_environment_holds_neither_the_library_nor_the_compiler(
        self, build: Callable[[FakeRunner], Any]
    ) -> None:
        bundle = build(FakeRunner(trial(ACCEPTED, exit_code=0)))

        lock = (bundle.path / "requirements.txt").read_text()
        assert [pin.split("==")[0] for pin in pinned(lock)] == ["modelyard-serving"]

    def test_the_report_is_the_versions(
        self, build: Callable[[FakeRunner], Any], packaging: PackagingService, candidate: Version
    ) -> None:
        build(FakeRunner(trial(ACCEPTED, exit_code=0)))

        assert packaging.bundle(candidate).compilation == ACCEPTED

    def test_only_the_graphs_own_files_are_taken(self, build: Callable[[FakeRunner], Any]) -> None:
        files = dict.fromkeys(COMPILED_FILES, b"graph") | {"sitecustomize.py": b"import os"}

        bundle = build(FakeRunner(trial(ACCEPTED, exit_code=0, files=files)))

        assert not list(bundle.path.rglob("sitecustomize.py"))

    def test_the_run_sees_nothing_of_ours(self, build: Callable[[FakeRunner], Any]) -> None:
        runner = FakeRunner(trial(ACCEPTED, exit_code=0))

        build(runner)

        (spec,) = runner.started
        names = {name for name in spec.environment if not name.endswith("_NUM_THREADS")}
        assert names == {"LANG", "PYTHONDONTWRITEBYTECODE"}
        assert spec.limits == LIMITS


def killed(_: RunSpec) -> RunOutcome:
    return RunOutcome(RunPhase.FINISHED, exit_code=-9, reason="The script used more memory than its limit of 1 GB.")


def lost(_: RunSpec) -> RunOutcome:
    return RunOutcome(RunPhase.LOST)


BROKEN: dict[str, tuple[Script | None, str]] = {
    "the translation is refused": (trial(REFUSED, exit_code=1), "float64: not faster"),
    "it says accepted and ends with a refusal": (trial(REFUSED | {"accepted": True}, exit_code=1), "contradicts"),
    "it ends with wrong usage": (trial(ACCEPTED, exit_code=2), "broke off"),
    "it takes too much memory": (killed, "more memory than its limit"),
    "its process is lost": (lost, "killed from outside"),
    "it never ends": (None, "did not end within its limit"),
    "its report is not JSON": (trial("{", exit_code=0), "not JSON"),
    "its report is of another shape": (trial(ACCEPTED | {"rows": 3}, exit_code=0), "not of the schema"),
    "its report is huge": (trial("1" * 300_000, exit_code=0), "few kilobytes"),
    "a file of the graph is missing": (trial(ACCEPTED, exit_code=0, files={"model.onnx": b"x"}), "graph.json"),
}


class TestRefused:
    @pytest.mark.parametrize(("script", "reason"), BROKEN.values(), ids=BROKEN)
    def test_the_model_itself_is_served_and_the_report_says_why(
        self, build: Callable[[FakeRunner], Any], script: Script | None, reason: str
    ) -> None:
        bundle = build(FakeRunner(script))

        assert (bundle.runtime, bundle.is_compiled) == (
            "sklearn",
            bundle.compilation["accepted"] and bundle.is_compiled,
        )
        assert (bundle.path / "model" / "model.pkl").is_file()
        assert reason in " ".join(bundle.compilation["reasons"])

    def test_without_an_example_nothing_runs(self, packaging: PackagingService, version: Version) -> None:
        bundle = packaging.build(version, log=lambda _: None)

        assert bundle.compilation is not None
        assert "without an input example" in bundle.compilation["reasons"][0]

    def test_a_network_is_tried_without_one_since_it_may_bring_its_own(
        self,
        packaging: PackagingService,
        registry: RegistryService,
        alice: Principal,
        log_model: Callable[..., LoggedModel],
        environments: FakeEnvironments,
        clock: ManualClock,
    ) -> None:
        def run(spec: RunSpec) -> FakeEnd:
            ended = trial(ACCEPTED, exit_code=0)(spec)
            assert isinstance(ended, FakeEnd)
            return replace(ended, files={**ended.files, "compiled/example.json": b'{"inputs": [[1.0]]}'})

        network = log_model(files={"MLmodel": b"flavors: {pytorch: {model_data: data}}\n"})
        version = registry.register(alice, model_name="iris", logged=network)
        packaging._compiler = TrialCompiler(
            environments=environments, runner=FakeRunner(run), clock=clock, limits=LIMITS
        )

        bundle = packaging.build(version, log=lambda _: None)

        assert bundle.is_compiled
        assert json.loads((bundle.path / "example.json").read_text()) == {"inputs": [[1.0]]}

    def test_an_environment_that_does_not_resolve_is_a_reason(
        self, packaging: PackagingService, candidate: Version, environments: FakeEnvironments, clock: ManualClock
    ) -> None:
        empty = FakeEnvironments(environments._folder, index={})
        packaging._compiler = TrialCompiler(environments=empty, runner=FakeRunner(), clock=clock, limits=LIMITS)

        bundle = packaging.build(candidate, log=lambda _: None)

        assert bundle.compilation is not None
        assert "cannot be met" in bundle.compilation["reasons"][0]
