"""The page as one HTML file: nothing of it is fetched, and nothing of a run is taken for markup.

Every text goes through the template's escaping. The style and the script are files of rbuild's own,
and a content security policy (CSP 3) names their digests: nothing else is applied, run or loaded.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rootless_build.cli.views.report.content import Page

_FILES: Final = Path(__file__).parent / "page"


def html(page: Page) -> bytes:
    """The file."""
    environment = Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (_FILES / "page.css").read_text(encoding="utf-8")
    script = (_FILES / "page.js").read_text(encoding="utf-8")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    template = environment.get_template("page.html")
    # rbuild's own files, the only ones that are not escaped.
    text = template.render(page=page, policy=policy, style=Markup(style), script=Markup(script))  # noqa: S704
    return text.encode(errors="backslashreplace")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
