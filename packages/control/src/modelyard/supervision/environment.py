"""What of an environment a program of the stack gets to see."""

from collections.abc import Mapping
from enum import StrEnum


class Scope(StrEnum):
    """Whose code a program runs."""

    SERVICE = "service"  # Ours, or MLflow: may see what the user set, credentials of stores included.
    MODEL = "model"  # A model's: sees what any program needs to run, and no secret.


_NEVER = frozenset({
    # The site's bytecode is what makes a start short: importing MLflow's server takes 6.1 s without it, 2.1 s with it.
    "PYTHONDONTWRITEBYTECODE",
    # A program must not find the supervisor that runs it.
    "SUPERVISOR_ENABLED",
    "SUPERVISOR_GROUP_NAME",
    "SUPERVISOR_PROCESS_NAME",
    "SUPERVISOR_SERVER_URL",
})  # fmt: skip

_FOR_MODELS = frozenset({
    "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
})  # fmt: skip


def inherited(scope: Scope, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environment` that a program of this scope keeps."""
    if scope is Scope.MODEL:
        return {name: value for name, value in environment.items() if name in _FOR_MODELS}
    return {name: value for name, value in environment.items() if name not in _NEVER}
