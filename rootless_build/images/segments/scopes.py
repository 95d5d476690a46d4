"""What holds at each instruction of a stage: variables, working directory, shell.

As BuildKit has it a stage that starts from another one has that one's ARGs too (docker 29.1:
`FROM x AS a`, `ARG N=joe`, `FROM a`, `RUN echo $N` says joe); where one stood over an ENV, the ENV
holds again.
"""

from __future__ import annotations

from rootless_build.images.containerfile.stages import Scope


def inherit(parent: Scope) -> Scope:
    """The scope with which a stage starts that is made from the stage `parent` ends with."""
    scope = parent.copy()
    scope.variables = parent.variables | parent.environment
    return scope
