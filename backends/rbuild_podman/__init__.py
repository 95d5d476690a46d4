"""The podman backend: podman-py over a service of this run's own, the CLI where that is better."""

from rbuild_podman.backend import PodmanBackend

__all__ = ["PodmanBackend"]
