"""The connection to a Docker engine, for every adapter that uses one."""

from modelyard.adapters.docker.engine import DockerEngine, EngineAway, EngineOptions, EngineRefused, TlsFiles

__all__ = ["DockerEngine", "EngineAway", "EngineOptions", "EngineRefused", "TlsFiles"]
