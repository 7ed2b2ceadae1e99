"""The connection to a Docker engine, for every adapter that uses one."""

from modelyard.adapters.docker.engine import DockerEngine, EngineOptions

__all__ = ["DockerEngine", "EngineOptions"]
