"""What 0.1.0 had in the place of the standard library's dataclasses."""

from rootless_build.former import replace

replace(__name__, "dataclasses")
