"""The settings of one model server: their names, defaults and checks. It reads the configuration file, nothing else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import orjson

from modelyard_serving.errors import UsageError
from modelyard_serving.naming import check_model_name
from modelyard_serving.origin_policy import OriginPolicy
from modelyard_serving.runtimes.devices import check_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one may set, on the command line (`--max-queue`) or in the configuration file (`max_queue`)."""

    path: str
    name: str | None = None
    version: str | None = None
    mlflow_uri: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int | None = None
    handover: str | None = None
    workers: int = 1
    status_file: str | None = None
    trust_pickle: bool = False
    device: str = "cpu"
    max_memory_mb: int | None = None
    hang_timeout_s: float = 30.0
    start_timeout_s: float = 600.0
    start_attempts: int | None = None
    lame_duck_s: float = 1.0
    drain_timeout_s: float = 30.0
    max_body_bytes: int = 64 * 1024 * 1024
    max_queue: int = 256
    max_concurrency: int | None = None
    request_timeout_s: float | None = None
    inline_limit_ms: float = 1.0
    batching: str = "auto"
    allow_repository_control: bool = False
    allowed_hosts: str | None = None
    allowed_origins: str | None = None
    log_level: str = "info"
    otlp_endpoint: str | None = None
    request_log: str | None = None
    request_log_sample: float = 0.01

    def __post_init__(self) -> None:
        if self.name is not None:
            check_model_name(self.name)
        for name, least in _MINIMUMS.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} must be at least {least}, not {value}")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"port must be between 0 and 65535, not {self.port}")
        if self.log_level not in _LOG_LEVELS:
            raise UsageError(f"log_level must be one of {', '.join(_LOG_LEVELS)}, not {self.log_level!r}")
        check_device(self.device)
        if self.batching not in _BATCHING:
            raise UsageError(f"batching must be one of {', '.join(_BATCHING)}, not {self.batching!r}")
        self.sources()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """Settings of plain values, each checked against its type; an unknown name is an error."""
        for name, value in values.items():
            if name not in TYPES:
                raise UsageError(f"there is no setting {name!r}; there are {', '.join(sorted(TYPES))}")
            if not _fits(value, TYPES[name]):
                raise UsageError(f"{name} must be {_describe_type(TYPES[name])}, not {value!r}")
        if "path" not in values:
            raise UsageError("path is missing: say which model to serve")
        return cls(**values)

    def sources(self) -> OriginPolicy:
        """Whose requests the server takes.

        Raises:
            UsageError: a host or an origin is not one.
        """
        return OriginPolicy(
            listens_on=self.host, hosts=_listed(self.allowed_hosts), origins=_listed(self.allowed_origins)
        )

    def plain(self) -> dict[str, Any]:
        """The settings as JSON can carry them."""
        return asdict(self)


def read_config(path: Path) -> dict[str, Any]:
    """The settings that the configuration file names, unchecked.

    Raises:
        UsageError: it cannot be read or is not a JSON object.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"config {path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"config {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"config {path} must be a JSON object, not {type(content).__name__}")
    return content


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def kinds(hint: Any) -> tuple[type, ...]:
    """The types that a setting's annotation allows."""
    return get_args(hint) or (hint,)


def _fits(value: object, hint: Any) -> bool:
    allowed = kinds(hint)
    if isinstance(value, bool):
        return bool in allowed
    return isinstance(value, allowed) or (float in allowed and isinstance(value, int))


def _describe_type(hint: Any) -> str:
    names = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
    return " or ".join(names[kind] for kind in kinds(hint))


TYPES: dict[str, Any] = {field.name: get_type_hints(Settings)[field.name] for field in fields(Settings)}
_BATCHING = ("auto", "off")
_LOG_LEVELS = ("debug", "info", "warning", "error")
_MINIMUMS = {
    "workers": 1,
    "max_memory_mb": 16,
    "hang_timeout_s": 0.1,
    "start_timeout_s": 0.1,
    "start_attempts": 1,
    "lame_duck_s": 0,
    "drain_timeout_s": 0,
    "max_body_bytes": 1,
    "max_queue": 0,
    "max_concurrency": 1,
    "request_timeout_s": 0.001,
    "inline_limit_ms": 0,
    "request_log_sample": 0,
}
