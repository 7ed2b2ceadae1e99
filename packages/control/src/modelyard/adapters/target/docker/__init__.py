"""Model servers as containers of a Docker engine, one for each replica, at one address of this machine."""

from modelyard.adapters.target.docker.target import DockerTarget

__all__ = ["DockerTarget"]
