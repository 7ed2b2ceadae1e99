"""Which port had which model, for good: a caller that kept an address never gets answers of another model there.

A port that was given back goes only to the same model in the same namespace again.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select, update

from modelyard.db import Database
from modelyard.db.statements import insert_new
from modelyard.deployments import store
from modelyard.deployments.domain import Deployment
from modelyard.deployments.tables import server_ports as ports
from modelyard.errors import Unavailable
from modelyard.ports.clock import Clock
from modelyard.ports.target import TakesPorts

_LOCK = "modelyard:ports"


class PortBook:
    """The ports of one target."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def claim(self, deployment: Deployment, target: TakesPorts) -> int:
        """The deployment's port: the one that it has, else a free one that its model had, else one that nobody had.

        Raises:
            Unavailable: code `no_free_port`; the message names the settings of the range.
        """
        with self._database.read() as connection:
            held = _held(connection, deployment)
        if held is not None:
            return held
        with self._database.write() as connection:
            store.lock(connection, deployment.deployment_id)  # So that two who ask at once get one port,
            _lock(connection)  # and that two targets, whose rows have other keys, do not get the same one.
            held = _held(connection, deployment)
            if held is not None:
                return held
            for port in filter(target.is_free, _returned(connection, deployment, target.ports)):
                if _take_again(connection, deployment, port):
                    return port
            for port in filter(target.is_free, _never_used(connection, target.ports)):
                if _take(connection, deployment, port):
                    return port
        raise Unavailable(
            f"Every port for model servers ({target.ports[0]} to {target.ports[-1]}) is in use or was the address of "
            "another model, which is given to no other; MODELYARD_SERVER_PORT_FIRST and MODELYARD_SERVER_PORT_LAST "
            "set a larger range.",
            code="no_free_port",
        )

    def release(self, connection: Connection, deployment_id: str) -> None:
        """Note that the deployment has it no more. In the caller's transaction."""
        change = update(ports).where(ports.c.deployment_id == deployment_id, ports.c.released_at.is_(None))
        connection.execute(change.values(released_at=self._clock.now()))


def _lock(connection: Connection) -> None:
    """Let nobody else claim a port until the transaction ends. SQLite has one writer at a time."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))


def _held(connection: Connection, deployment: Deployment) -> int | None:
    query = select(ports.c.port).where(
        ports.c.target == deployment.target,
        ports.c.deployment_id == deployment.deployment_id,
        ports.c.released_at.is_(None),
    )
    return connection.execute(query).scalar()


def _returned(connection: Connection, deployment: Deployment, within: range) -> Iterable[int]:
    query = select(ports.c.port).where(
        ports.c.target == deployment.target,
        ports.c.tenant_id == deployment.tenant_id,
        ports.c.namespace == deployment.namespace,
        ports.c.model_name == deployment.model_name,
        ports.c.released_at.is_not(None),
    )
    return [port for port in connection.execute(query.order_by(ports.c.port)).scalars() if port in within]


def _never_used(connection: Connection, within: range) -> Iterable[int]:
    """Of all targets: their ports are this machine's."""
    used = set(connection.execute(select(ports.c.port)).scalars())
    return (port for port in within if port not in used)


def _take_again(connection: Connection, deployment: Deployment, port: int) -> bool:
    """Whether nobody else took it meanwhile."""
    change = update(ports).where(
        ports.c.target == deployment.target, ports.c.port == port, ports.c.released_at.is_not(None)
    )
    taken = connection.execute(change.values(deployment_id=deployment.deployment_id, released_at=None))
    return taken.rowcount == 1


def _take(connection: Connection, deployment: Deployment, port: int) -> bool:
    return insert_new(
        connection,
        ports,
        target=deployment.target,
        port=port,
        tenant_id=deployment.tenant_id,
        namespace=deployment.namespace,
        model_name=deployment.model_name,
        deployment_id=deployment.deployment_id,
    )
