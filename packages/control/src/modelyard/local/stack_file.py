"""The options of `up`, current and previous: stored in the home for the command line and the next `up`."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from modelyard.atomic_file import replace_text
from modelyard.home import Home

_SINCE_0_2 = frozenset({"gateway", "gateway_host", "gateway_port"})
"""What the file of an older version does not say."""
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # Compared with, not bound to.


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The addresses of a local stack, and whether it asks for tokens."""

    host: str = "127.0.0.1"
    port: int = 8000
    mlflow_port: int = 5000
    auth: bool = True
    tracking_uri: str | None = None
    """A tracking server that is not ours; none is started then."""
    gateway: bool = True
    """Whether the gateway is started."""
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080

    @classmethod
    def read(cls, home: Home) -> "Stack | None":
        """As the last `up` left it; None if there was none."""
        try:
            content = json.loads(home.stack_file.read_text(encoding="utf-8"))
            named = [field.name for field in fields(cls) if field.name in content or field.name not in _SINCE_0_2]
            return cls(**{name: content[name] for name in named})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, home: Home) -> None:
        """Keep it."""
        addresses = {"url": self.url, "mlflow_url": self.mlflow_url, "gateway_url": self.gateway_url}
        replace_text(home.stack_file, json.dumps(addresses | asdict(self), indent=2) + "\n")

    @property
    def local_host(self) -> str:
        """Where this machine reaches the control plane."""
        return _ANY_ADDRESS.get(self.host, self.host)

    @property
    def url(self) -> str:
        """The management API."""
        return _url(self.local_host, self.port)

    @property
    def local_gateway_host(self) -> str:
        """Where this machine reaches the gateway."""
        return _ANY_ADDRESS.get(self.gateway_host, self.gateway_host)

    @property
    def gateway_url(self) -> str | None:
        """The gateway, if it is started."""
        return _url(self.local_gateway_host, self.gateway_port) if self.gateway else None

    @property
    def mlflow_url(self) -> str:
        """The tracking server and its UI."""
        return self.tracking_uri or f"http://127.0.0.1:{self.mlflow_port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an `up` asks for; None where it does not care."""

    host: str | None = None
    port: int | None = None
    mlflow_port: int | None = None
    auth: bool | None = None
    tracking_uri: str | None = None
    gateway: bool | None = None
    gateway_host: str | None = None
    gateway_port: int | None = None

    def after(self, last: Stack | None) -> Stack:
        """The stack to start: as asked for, else as the last one; but whether tokens are needed is never remembered."""
        stack = replace(last or Stack(), auth=True, tracking_uri=None)
        return replace(stack, **self._asked())

    def is_met_by(self, running: Stack) -> bool:
        """Whether the stack that runs is what was asked for."""
        return all(getattr(running, name) == value for name, value in self._asked().items())

    def _asked(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
