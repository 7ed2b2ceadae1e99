"""Arguments, variables and secrets of a run: what they may be, and which names are the platform's own. Pure."""

import re
from collections.abc import Mapping, Sequence

from modelyard.errors import Invalid

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MOST = 100
_MOST_ARGUMENTS = 1000
_MOST_BYTES = 32 * 1024
"""Of all values together, each kind for itself."""
_SHORTEST_SECRET = 4
_RESERVED = frozenset(
    [
        *("PATH", "HOME", "TMPDIR", "LANG", "MPLBACKEND", "GIT_PYTHON_REFRESH"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUNBUFFERED", "PYTHONSAFEPATH", "PYTHONUSERBASE"),
        *("PYTHONPLATLIBDIR", "PYTHONEXECUTABLE", "PYTHONINSPECT", "PYTHONNOUSERSITE"),
        *("VIRTUAL_ENV", "BASH_ENV", "ENV", "IFS", "SHELLOPTS"),
        *("MLFLOW_REGISTRY_URI", "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"),
    ]
)
_RESERVED_PREFIXES = ("MODELYARD_", "LD_", "DYLD_", "UV_", "MLFLOW_TRACKING_", "MLFLOW_EXPERIMENT_", "MLFLOW_RUN_")


def check_arguments(arguments: Sequence[str]) -> None:
    """What a script is called with.

    Raises:
        Invalid: code `arguments_invalid`.
    """
    size = sum(len(each.encode(errors="surrogatepass")) for each in arguments)
    if len(arguments) > _MOST_ARGUMENTS or size > _MOST_BYTES:
        raise Invalid(
            f"arguments: expected at most {_MOST_ARGUMENTS} of at most {_MOST_BYTES} bytes together, got "
            f"{len(arguments)} of {size} bytes",
            code="arguments_invalid",
            field="arguments",
        )


def check_variables(environment: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Variables of a run and its secrets, which are variables too. No message holds a secret's value.

    Raises:
        Invalid: code `environment_invalid` or `secrets_invalid`; `environment_reserved` for a name of the platform's.
    """
    for field, variables in (("environment", environment), ("secrets", secrets)):
        _check_size(field, variables)
        for name in variables:
            _check_name(field, name)
    if both := sorted(environment.keys() & secrets.keys()):
        raise _invalid("secrets", both[0], "expected a name that is not in environment too")
    for name, value in secrets.items():
        if len(value) < _SHORTEST_SECRET:
            said = f"expected at least {_SHORTEST_SECRET} characters: what is shorter cannot be masked in the log"
            raise _invalid("secrets", name, said)


def _check_size(field: str, variables: Mapping[str, str]) -> None:
    size = sum(len(value.encode(errors="surrogatepass")) for value in variables.values())
    if len(variables) > _MOST or size > _MOST_BYTES:
        raise Invalid(
            f"{field}: expected at most {_MOST} of at most {_MOST_BYTES} bytes together, got {len(variables)} of "
            f"{size} bytes",
            code=f"{field}_invalid",
            field=field,
        )


def _check_name(field: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise _invalid(field, name[:80], "expected a name of letters, digits and underscores that begins with no digit")
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        raise Invalid(
            f"{field}.{name}: expected a name that the platform does not set itself; {name} is reserved",
            code="environment_reserved",
            field=f"{field}.{name}",
        )


def _invalid(field: str, name: str, said: str) -> Invalid:
    return Invalid(f"{field}.{name}: {said}", code=f"{field}_invalid", field=f"{field}.{name}")
