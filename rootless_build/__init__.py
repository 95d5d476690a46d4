"""make for Docker's own source tree, and every project built like it, without a daemon or root."""

__version__ = "0.1.0"
