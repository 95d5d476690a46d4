"""What stands below the attributes of a class."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise


def meanings(kind: type) -> dict[str, str]:
    """The text below each attribute that has one, on one line."""
    found = {}
    (parsed,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(parsed, ast.ClassDef)
    for each, below in pairwise(parsed.body):
        match each, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
            case _:
                pass
    return found
