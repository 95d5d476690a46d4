"""make for Docker's own source tree, and every project built like it, without a daemon or root."""

__version__ = "0.2.0"

# Names of 0.1.0 are looked up there, at no cost to who uses none.
__path__.append(f"{__path__[0]}/former")
