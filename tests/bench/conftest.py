"""What is measured is what the end-to-end tests run."""

from tests.e2e.conftest import base, rbuild, rbuild_environment

__all__ = ["base", "rbuild", "rbuild_environment"]
