"""One Docker engine: where it is reached, and what its errors mean to us."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from modelyard.errors import Unavailable

ANSWER_SECONDS = 60
"""How long a call may be silent."""

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Who an engine on another machine must be, and who we are there."""

    ca_file: Path
    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Where an engine is reached. Without a host, as `docker` itself finds it: DOCKER_HOST, or the local socket."""

    host: str | None = None
    """`unix:///run/docker.sock`, `tcp://10.0.0.5:2376`"""
    tls: TlsFiles | None = None


class EngineAway(Unavailable):
    """The engine does not answer, or cannot do what it was asked now."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The Docker engine of '{name}' does not answer: {reason}.", code="docker_unavailable")


class EngineRefused(EngineAway):
    """The engine answers that it does not do it. The message is its own."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.message = reason


class DockerEngine:
    """An engine. The SDK is imported, and the engine called, when it is first used.

    Args:
        name: of the target or the runner, for errors.
    """

    def __init__(self, name: str, options: EngineOptions, *, answer_seconds: int = ANSWER_SECONDS) -> None:
        self._name = name
        self._options = options
        self._answer_seconds = answer_seconds

    @cached_property
    def api(self) -> Any:
        """The engine's API, whose calls have no types; they are made inside of `translated`."""
        from docker import APIClient  # noqa: PLC0415  # Slow to import, and only those with an engine need it.
        from docker.tls import TLSConfig  # noqa: PLC0415
        from docker.utils import kwargs_from_env  # noqa: PLC0415

        found = kwargs_from_env() if self._options.host is None else {"base_url": self._options.host}
        tls = self._options.tls
        if tls is not None:
            client = (str(tls.cert_file), str(tls.key_file))
            found["tls"] = TLSConfig(client_cert=client, ca_cert=str(tls.ca_file), verify=True)

        class Client(APIClient):
            """Takes the authority from our options: else REQUESTS_CA_BUNDLE of the environment would win over it."""

            trust_env = property(lambda _: False, lambda *_: None)

        return Client(version="auto", timeout=self._answer_seconds, **found)

    def close(self) -> None:
        """Close its connections."""
        if "api" in self.__dict__:
            self.api.close()

    def transfer(self, begin: Callable[[Any], Iterator[Mapping[str, Any]]]) -> None:
        """Read the engine's reports of a load or a pull to their end; one of them may be an error.

        Raises:
            EngineRefused: the engine says that it failed.
            EngineAway: it does not answer any more.
        """
        with self.translated():
            for report in begin(self.api):
                said = report.get("error") or report.get("message")  # `message`: of a request that was refused whole.
                if said is not None:
                    raise EngineRefused(self._name, str(said)[:_LONGEST_REASON])

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raises EngineAway instead of the SDK's errors; `docker.errors.NotFound` is left to who asks."""
        from docker.errors import APIError, DockerException, NotFound  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        try:
            yield
        except NotFound:
            raise
        except APIError as error:
            raise EngineRefused(self._name, str(error.explanation or error).strip()[:_LONGEST_REASON]) from error
        except (DockerException, RequestException, OSError) as error:
            raise EngineAway(self._name, str(error)[:_LONGEST_REASON]) from error
