"""The profile of a version's training data, for its bundle: made in a run of its own, by the server that will serve.

A script gives the data by logging them in its run, with MLflow's own verb: `mlflow.log_table(X_train,
"training_data.json")`. Whatever goes wrong is a reason in the log and a version without a profile, never a failed
build.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from modelyard.analysis.profile import read_profile
from modelyard.errors import Invalid, ModelyardError, NotFound
from modelyard.packaging.trial import MODEL_VARIABLE, ended_trial
from modelyard.plain import plain_json
from modelyard.ports.clock import Clock
from modelyard.ports.environments import LogLine
from modelyard.ports.runner import Limits, Runner
from modelyard.ports.tracking import Tracking
from modelyard.registry.domain import Version

PROFILE_FILE = "training_profile.json"
DATA_FILES = ("training_data.json", "training_data.parquet", "training_data.csv")
MOST_DATA_BYTES = 256 * 1024 * 1024
_MOST_PROFILE_BYTES = 1024 * 1024
_DATA_VARIABLE = "MODELYARD_TRAINING_DATA"
_NONE = "no training profile: drift cannot be judged"


def _script(data: str) -> str:
    return f"""import os, sys

from modelyard_serving.drift.cli import main

data = os.path.join(os.environ[{_DATA_VARIABLE!r}], {data!r})
sys.exit(main([os.environ[{MODEL_VARIABLE!r}], data, {PROFILE_FILE!r}]))
"""


class Profiler(Protocol):
    """Makes profiles of training data."""

    def profile(
        self, version: Version, bundle: Path, scratch: Path, *, python_environment: str, log: LogLine
    ) -> bytes | None:
        """The profile of a version's training data; None where there is none, with the reason in the log.

        Args:
            bundle: whole, as it will be served.
            scratch: a folder of the caller's that is not there yet.
            python_environment: digest of the lock of the environment that serves it.

        Raises:
            Unavailable: the tracker does not answer, so that nobody knows whether there are training data.
        """


class TrialProfiler:
    """Reads the data that the version's run logged, in the serving environment."""

    def __init__(self, *, tracking: Tracking, runner: Runner, clock: Clock, limits: Limits) -> None:
        self._tracking = tracking
        self._runner = runner
        self._clock = clock
        self._limits = limits

    def profile(
        self, version: Version, bundle: Path, scratch: Path, *, python_environment: str, log: LogLine
    ) -> bytes | None:
        """See the protocol."""
        try:
            file = self._data(version, scratch / "data")
        except (NotFound, Invalid) as error:
            log(f"{_NONE}: {error.message}")
            return None
        if file is None:
            log(f"{_NONE}: the run logged none of {', '.join(DATA_FILES)}")
            return None
        log(f"profiling the training data in {file.name}")
        try:
            return self._tried(file, bundle, scratch / "taken", python_environment=python_environment, log=log)
        except (ModelyardError, OSError) as error:
            log(f"{_NONE}: {error}")
        return None

    def _data(self, version: Version, folder: Path) -> Path | None:
        folder.mkdir(parents=True)
        if version.run_id is None:
            return None
        return self._tracking.run_file(version.run_id, DATA_FILES, folder, most_bytes=MOST_DATA_BYTES)

    def _tried(self, file: Path, bundle: Path, taken: Path, *, python_environment: str, log: LogLine) -> bytes | None:
        with ended_trial(
            self._runner,
            self._clock,
            python_environment=python_environment,
            script=_script(file.name),
            model=bundle,
            limits=self._limits,
            beside={_DATA_VARIABLE: file.parent},
        ) as trial:
            found = trial.taken([PROFILE_FILE], taken) if trial.outcome.exit_code == 0 else []
            content = read_profile_file(found[0]) if found else None
            if content is None:
                log(f"{_NONE}: {trial.reason()}")
        return content


class NoProfiler:
    """For tests of what has no profile."""

    def profile(
        self,
        version: Version,  # noqa: ARG002
        bundle: Path,  # noqa: ARG002
        scratch: Path,  # noqa: ARG002
        *,
        python_environment: str,  # noqa: ARG002
        log: LogLine,
    ) -> bytes | None:
        """None at all."""
        log(_NONE)
        return None


def read_profile_file(path: Path) -> bytes | None:
    """What a trial has written, if it may be a profile: the model's code ran there, so nothing is believed of it."""
    if path.stat().st_size > _MOST_PROFILE_BYTES:
        return None
    content = path.read_bytes()
    return content if profile_document(content) is not None else None


def profile_document(content: bytes) -> Mapping[str, Any] | None:
    """The profile as plain values with its digest, by which a server names the one that it counts in; None for no
    profile."""
    try:
        document = {**plain_json(json.loads(content)), "digest": sha256(content).hexdigest()}
        read_profile(document)
    except (ValueError, TypeError, RecursionError):
        return None
    return document
