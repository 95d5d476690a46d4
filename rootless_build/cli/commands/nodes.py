"""`rbuild nodes`: other machines that can build, and what is wrong there."""

from __future__ import annotations

from rootless_build.cli.command import Command
from rootless_build.cli.node_option import configured
from rootless_build.cli.options import format_option
from rootless_build.cli.views import nodes as page
from rootless_build.host.nodes import look_at
from rootless_build.model.errors import BackendUnavailableError
from rootless_build.model.events import Answer
from rootless_build.model.nodes import is_url, parse


class Nodes(Command):
    """The nodes of the user's configuration, or those that are named, as they are now."""

    USAGE = "rbuild nodes [options] [NAME|URL...]"
    format = format_option()

    def main(self, *names: str) -> int:
        """Print them; exits 3 when one can't build."""
        return self.attempt(lambda: self._show(names))

    def _show(self, names: tuple[str, ...]) -> int:
        wanted = names or tuple(self.config.nodes)
        addresses = [parse(name) if is_url(name) else configured(self, name) for name in wanted]
        seen = look_at(addresses)
        show = page.as_json if self.format == "json" else page.as_text
        self.tell(show(seen), *(Answer("node", page.fields(each)) for each in seen))
        usable = all(not each.problem for each in seen)
        return 0 if usable else BackendUnavailableError.exit_code
