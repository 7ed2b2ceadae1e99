"""The client's errors as MLflow's exceptions: their kind as MLflow's code, their sentence as it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

from modelyard_client.errors import (
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    ModelyardError,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WaitTimedOut,
)

_CODES: tuple[tuple[type[ModelyardError], int], ...] = (
    (NotFound, codes.RESOURCE_DOES_NOT_EXIST),
    (Invalid, codes.INVALID_PARAMETER_VALUE),
    (TooLarge, codes.INVALID_PARAMETER_VALUE),
    (Conflict, codes.RESOURCE_CONFLICT),
    (Unauthenticated, codes.UNAUTHENTICATED),
    (Forbidden, codes.PERMISSION_DENIED),
    (Busy, codes.REQUEST_LIMIT_EXCEEDED),
    (Unavailable, codes.TEMPORARILY_UNAVAILABLE),
    (WaitTimedOut, codes.DEADLINE_EXCEEDED),
)


def already_there(noun: str, name: str) -> MlflowException:
    """What MLflow promises of a name that is taken."""
    return MlflowException(f"there is a {noun} {name!r} already", error_code=codes.RESOURCE_ALREADY_EXISTS)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the client's errors as MLflow's."""
    try:
        yield
    except ModelyardError as error:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), codes.INTERNAL_ERROR)
        raise MlflowException(error.message, error_code=code) from error
