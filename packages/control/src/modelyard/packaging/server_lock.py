"""The lock of a model server's environment: what the model needs, the server with its extras, and gRPC."""

from collections.abc import Sequence

from modelyard.errors import Invalid
from modelyard.ports.environments import Environments, Lock, LogLine

_GRPC = "grpc"


def lock_server(
    environments: Environments,
    requirements: Sequence[str],
    *,
    constraints: str,
    requires_python: str = "",
    extras: Sequence[str],
    log: LogLine,
) -> Lock:
    """With the libraries of gRPC, unless the model's own requirements leave no room for them: then over HTTP alone.

    Raises:
        Invalid, Unavailable: as `Environments.lock`.
    """
    try:
        return environments.lock(
            requirements,
            constraints=constraints,
            requires_python=requires_python,
            server_extras=(*extras, _GRPC),
            log=log,
        )
    except Invalid as refused:
        if refused.code != "requirements_unresolvable":
            raise
    lock = environments.lock(
        requirements, constraints=constraints, requires_python=requires_python, server_extras=extras, log=log
    )
    log("warning: the model's requirements leave no room for the libraries of gRPC: it is served over HTTP alone")
    return lock
