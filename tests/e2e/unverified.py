"""A target whose checksums do not agree."""

from __future__ import annotations

from tests.e2e.driver import Rbuild


def with_unverified_target(rbuild: Rbuild) -> None:
    """The target `unverified`, whose checksum is another file's."""
    script = 'echo one > "$DEST/tool"\necho two | md5sum | sed s/-/tool/ > "$DEST/tool.md5"\n'
    (rbuild.project / "hack/make/unverified").write_text(script)
    makefile = rbuild.project / "Makefile"
    target = "\nunverified: build\n\t$(RUN) hack/make.sh unverified\n"
    makefile.write_text(makefile.read_text() + target)
