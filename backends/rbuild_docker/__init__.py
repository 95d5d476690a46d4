"""The docker backend: the docker CLI, with a daemon wherever it is configured to look for one."""

from rbuild_docker.backend import DockerBackend

__all__ = ["DockerBackend"]
