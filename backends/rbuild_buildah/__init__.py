"""The buildah backend: images and containers through the `buildah` program, podman not needed."""

from rbuild_buildah.backend import BuildahBackend

__all__ = ["BuildahBackend"]
