"""What podman and buildah share: both build with the same code and keep images alike."""
